// A yamux client on HashiCorp's implementation, told what to do by the server.
//
// It connects to the address in its only argument and opens stream 1, on which it
// reads commands, one a line, and answers each with one line. A stream that the
// server opens says with its first byte what is to be done with it.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"sync"

	"github.com/hashicorp/yamux"
)

type peer struct {
	session *yamux.Session
	lock    sync.Mutex
	control net.Conn
	open    map[uint32]*yamux.Stream
}

func main() {
	connection, err := net.Dial("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	config := yamux.DefaultConfig()
	config.EnableKeepAlive = false
	session, err := yamux.Client(connection, config)
	if err != nil {
		log.Fatal(err)
	}
	control, err := session.OpenStream()
	if err != nil {
		log.Fatal(err)
	}
	p := &peer{session: session, control: control}
	go p.accept()
	lines := bufio.NewScanner(control)
	for lines.Scan() {
		p.command(lines.Text())
	}
}

func (p *peer) say(format string, values ...interface{}) {
	p.lock.Lock()
	defer p.lock.Unlock()
	fmt.Fprintf(p.control, format+"\n", values...)
}

func (p *peer) command(line string) {
	var verb string
	var number int
	fmt.Sscan(line, &verb, &number)
	switch verb {
	case "ping":
		if _, err := p.session.Ping(); err != nil {
			p.say("failed: %v", err)
			return
		}
		p.say("pong")
	case "goaway":
		if err := p.session.GoAway(); err != nil {
			p.say("failed: %v", err)
			return
		}
		p.say("gone")
	case "streams":
		p.say("%d", p.session.NumStreams())
	case "write": // so many bytes on a new stream, which ends after them
		stream, err := p.session.OpenStream()
		if err != nil {
			p.say("failed: %v", err)
			return
		}
		go func() {
			if _, err := stream.Write(pattern(number)); err != nil {
				p.say("failed: %v", err)
				return
			}
			stream.Close()
			p.say("written %d", stream.StreamID())
		}()
	case "talk": // so many bytes on a new stream, which the server echoes
		stream, err := p.session.OpenStream()
		if err != nil {
			p.say("failed: %v", err)
			return
		}
		go p.talk(stream, pattern(number))
	}
}

func (p *peer) talk(stream *yamux.Stream, sent []byte) {
	go stream.Write(sent)
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(stream, got); err != nil {
		p.say("failed: %v", err)
		return
	}
	stream.Close()
	p.say("echoed %t", bytes.Equal(sent, got))
}

func (p *peer) accept() {
	for {
		stream, err := p.session.AcceptStream()
		if err != nil {
			return
		}
		go p.serve(stream)
	}
}

func (p *peer) serve(stream *yamux.Stream) {
	first := make([]byte, 1)
	if _, err := io.ReadFull(stream, first); err != nil {
		p.say("read: %v", err)
		return
	}
	switch first[0] {
	case 'e': // echo until the server ends it
		io.Copy(stream, stream)
		stream.Close()
	case 'h': // hash all that comes, and only then answer
		hash := sha256.New()
		n, _ := io.Copy(hash, stream)
		fmt.Fprintf(stream, "%d %x", n, hash.Sum(nil))
		stream.Close()
	case 'r': // read until it fails
		_, err := io.Copy(io.Discard, stream)
		p.say("read: %v", err)
	}
}

func pattern(size int) []byte {
	block := make([]byte, 251)
	for i := range block {
		block[i] = byte(i)
	}
	return bytes.Repeat(block, size/len(block)+1)[:size]
}
