// Command device_end is a small device end for the tunnel, written from
// docs/tunnel-protocol.md alone on HashiCorp's yamux and Go's standard library.
//
// It keeps one tunnel and ends with it: it neither comes back nor pins the server's
// key, and it has an administrator but no users.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

const (
	patience      = 30 * time.Second
	helloPatience = 10 * time.Second
	queuePatience = 10 * time.Second

	minIterations = 4096
	maxIterations = 1000000

	maxControlLine = 65536
	maxFirstLine   = 4096
	maxGrants      = 1000
	maxClients     = 1000
	maxFailures    = 5
	failuresPer    = time.Minute

	ordinaryConnections = 4
	lastingConnections  = 16
)

func main() {
	server := flag.String("server", "", "https://HOST:PORT of the server")
	cloudID := flag.String("cloud-id", "", "Cloud ID")
	passwordFile := flag.String("password-file", "", "file with the Cloud password")
	target := flag.String("target", "", "http://HOST:PORT of the device's web UI")
	adminPassword := flag.String("admin-password", "", "the device's admin password")
	flag.Parse()

	password, err := os.ReadFile(*passwordFile)
	if err != nil {
		log.Fatal(err)
	}
	targetURL, err := url.Parse(*target)
	if err != nil || targetURL.Scheme != "http" || targetURL.Host == "" {
		log.Fatalf("--target is not http://HOST:PORT: %q", *target)
	}
	conn, err := connect(*server, *cloudID, strings.TrimRight(string(password), "\r\n"))
	if err != nil {
		log.Fatal(err)
	}
	device := newDeviceEnd(targetURL, *adminPassword)
	log.Fatal(device.run(conn))
}

// Connect and authenticate: sections 2 and 3.

// bufferedConn reads through the buffer that has seen the 101: what came behind it is
// already yamux.
type bufferedConn struct {
	net.Conn
	reader *bufio.Reader
}

func (c *bufferedConn) Read(b []byte) (int, error) { return c.reader.Read(b) }

func connect(server, cloudID, password string) (net.Conn, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("--server is not https://HOST:PORT: %q", server)
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	dialer := &net.Dialer{Timeout: patience}
	// Any certificate will do: the binding below shows a man in the middle. Go sends
	// no SNI for an IP address.
	conn, err := tls.DialWithDialer(
		dialer, "tcp", net.JoinHostPort(u.Hostname(), port), &tls.Config{
			ServerName:         u.Hostname(),
			InsecureSkipVerify: true,
			MinVersion:         tls.VersionTLS12,
			NextProtos:         []string{"http/1.1"},
		})
	if err != nil {
		return nil, err
	}
	binding, err := endPointBinding(conn.ConnectionState().PeerCertificates[0])
	if err != nil {
		conn.Close()
		return nil, err
	}
	reader := bufio.NewReader(conn)
	conn.SetDeadline(time.Now().Add(patience))
	if err := authenticate(conn, reader, u.Host, cloudID, password, binding); err != nil {
		conn.Close()
		return nil, err
	}
	conn.SetDeadline(time.Time{})
	return &bufferedConn{conn, reader}, nil
}

// endPointBinding is tls-server-end-point, RFC 5929 section 4.1.
func endPointBinding(certificate *x509.Certificate) ([]byte, error) {
	switch certificate.SignatureAlgorithm {
	case x509.ECDSAWithSHA384, x509.SHA384WithRSA, x509.SHA384WithRSAPSS:
		sum := sha512.Sum384(certificate.Raw)
		return sum[:], nil
	case x509.ECDSAWithSHA512, x509.SHA512WithRSA, x509.SHA512WithRSAPSS:
		sum := sha512.Sum512(certificate.Raw)
		return sum[:], nil
	case x509.PureEd25519, x509.UnknownSignatureAlgorithm:
		return nil, fmt.Errorf("no binding for a certificate with %s",
			certificate.SignatureAlgorithm)
	}
	sum := sha256.Sum256(certificate.Raw)
	return sum[:], nil
}

const mechanism = "SCRAM-SHA-256-PLUS"

func authenticate(
	conn io.Writer, reader *bufio.Reader, host, cloudID, password string, binding []byte,
) error {
	ask := func(authorization string) (*http.Response, error) {
		_, err := fmt.Fprintf(conn, "GET /cloud/tunnel HTTP/1.1\r\n"+
			"Host: %s\r\nConnection: Upgrade\r\nUpgrade: cfos-tunnel/1\r\n"+
			"Authorization: %s %s\r\n\r\n", host, mechanism, authorization)
		if err != nil {
			return nil, err
		}
		response, err := http.ReadResponse(reader, &http.Request{Method: "GET"})
		if err == nil && response.StatusCode != http.StatusSwitchingProtocols {
			_, err = io.Copy(io.Discard, response.Body)
		}
		return response, err
	}
	s := newScram(cloudID, password, binding, randomString(18, base64.StdEncoding))

	first := encode(s.clientFirst())
	response, err := ask(fmt.Sprintf(`realm="cfos-tunnel", data="%s"`, first))
	if err != nil {
		return err
	}
	challenge := offered(response)
	if response.StatusCode != http.StatusUnauthorized || response.Close ||
		challenge["data"] == "" {
		return refusal(response)
	}
	serverFirst, err := decode(challenge["data"])
	if err != nil {
		return err
	}
	final, err := s.clientFinal(serverFirst)
	if err != nil {
		return err
	}
	response, err = ask(fmt.Sprintf(`sid="%s", data="%s"`, challenge["sid"], encode(final)))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return refusal(response)
	}
	info := parameters(response.Header.Get("Authentication-Info"))
	serverFinal, err := decode(info["data"])
	if err != nil {
		return err
	}
	if !s.verify(serverFinal) {
		return errors.New("this is not our server: its signature is wrong")
	}
	return nil
}

// offered is what a 401 says about the mechanism.
func offered(response *http.Response) map[string]string {
	for _, value := range response.Header.Values("WWW-Authenticate") {
		scheme, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
		if strings.EqualFold(scheme, mechanism) {
			return parameters(rest)
		}
	}
	return nil
}

func refusal(response *http.Response) error {
	reason := offered(response)["error"]
	return fmt.Errorf("refused: %s %s, Retry-After: %q",
		response.Status, reason, response.Header.Get("Retry-After"))
}

// parameters reads name=value and name="value", comma separated.
func parameters(text string) map[string]string {
	found := map[string]string{}
	for text = strings.TrimLeft(text, " \t,"); text != ""; {
		name, rest, ok := strings.Cut(text, "=")
		if !ok {
			break
		}
		var value string
		if strings.HasPrefix(rest, `"`) {
			var builder strings.Builder
			i := 1
			for ; i < len(rest) && rest[i] != '"'; i++ {
				if rest[i] == '\\' && i+1 < len(rest) {
					i++
				}
				builder.WriteByte(rest[i])
			}
			value, text = builder.String(), rest[min(i+1, len(rest)):]
		} else {
			value, text, _ = strings.Cut(rest, ",")
			value = strings.TrimSpace(value)
		}
		found[strings.ToLower(strings.TrimSpace(name))] = value
		text = strings.TrimLeft(text, " \t,")
	}
	return found
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func decode(text string) (string, error) {
	decoded, err := base64.StdEncoding.DecodeString(text)
	return string(decoded), err
}

func randomString(size int, encoding *base64.Encoding) string {
	random := make([]byte, size)
	if _, err := rand.Read(random); err != nil {
		log.Fatal(err)
	}
	return encoding.EncodeToString(random)
}

// SCRAM: RFC 5802 section 3, RFC 7677.

const gs2Header = "p=tls-server-end-point,,"

type scram struct {
	password  string
	binding   []byte
	nonce     string
	bare      string
	signature []byte
}

func newScram(cloudID, password string, binding []byte, nonce string) *scram {
	bare := "n=" + cloudID + ",r=" + nonce
	return &scram{password: password, binding: binding, nonce: nonce, bare: bare}
}

func (s *scram) clientFirst() string { return gs2Header + s.bare }

func (s *scram) clientFinal(serverFirst string) (string, error) {
	for i := 0; i < len(s.password); i++ {
		if s.password[i] < 0x20 || s.password[i] > 0x7e {
			return "", errors.New("there is no SASLprep here: the password must be ASCII")
		}
	}
	parts := strings.Split(serverFirst, ",")
	if len(parts) < 3 || !strings.HasPrefix(parts[0], "r=") ||
		!strings.HasPrefix(parts[1], "s=") || !strings.HasPrefix(parts[2], "i=") {
		return "", errors.New("the server's first message is malformed")
	}
	nonce := parts[0][2:]
	if !strings.HasPrefix(nonce, s.nonce) || len(nonce) == len(s.nonce) {
		return "", errors.New("the server's nonce does not begin with ours")
	}
	salt, err := decode(parts[1][2:])
	if err != nil {
		return "", err
	}
	iterations, err := strconv.Atoi(parts[2][2:])
	if err != nil || iterations < minIterations || iterations > maxIterations {
		return "", fmt.Errorf("the server wants %q iterations", parts[2][2:])
	}
	salted := pbkdf2([]byte(s.password), []byte(salt), iterations)
	clientKey := hmacSHA256(salted, "Client Key")
	storedKey := sha256.Sum256(clientKey)
	serverKey := hmacSHA256(salted, "Server Key")
	withoutProof := "c=" + encode(gs2Header+string(s.binding)) + ",r=" + nonce
	authMessage := s.bare + "," + serverFirst + "," + withoutProof
	proof := hmacSHA256(storedKey[:], authMessage)
	for i := range proof {
		proof[i] ^= clientKey[i]
	}
	s.signature = hmacSHA256(serverKey, authMessage)
	return withoutProof + ",p=" + encode(string(proof)), nil
}

func (s *scram) verify(serverFinal string) bool {
	verifier, _, _ := strings.Cut(serverFinal, ",")
	if !strings.HasPrefix(verifier, "v=") {
		return false
	}
	signature, err := decode(verifier[2:])
	return err == nil && s.signature != nil &&
		hmac.Equal([]byte(signature), s.signature)
}

func hmacSHA256(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	io.WriteString(mac, text)
	return mac.Sum(nil)
}

// pbkdf2 is the first block of PBKDF2-HMAC-SHA-256: 32 bytes.
func pbkdf2(password, salt []byte, iterations int) []byte {
	mac := hmac.New(sha256.New, password)
	mac.Write(salt)
	binary.Write(mac, binary.BigEndian, uint32(1))
	block := mac.Sum(nil)
	result := append([]byte(nil), block...)
	for i := 1; i < iterations; i++ {
		mac.Reset()
		mac.Write(block)
		block = mac.Sum(block[:0])
		for j := range result {
			result[j] ^= block[j]
		}
	}
	return result
}

// The tunnel: sections 4, 5, 8 and 9.

type grant struct {
	role, user string
	end        time.Time
}

type failures struct {
	count int
	since time.Time
}

type deviceEnd struct {
	target        *url.URL
	transport     *http.Transport
	ordinary      chan struct{}
	lasting       chan struct{}
	adminPassword string

	session *yamux.Session
	control *yamux.Stream

	mutex  sync.Mutex // of all below, and of writing to control
	grants map[string]grant
	failed map[string]failures
}

func newDeviceEnd(target *url.URL, adminPassword string) *deviceEnd {
	return &deviceEnd{
		target: target,
		transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: patience}).DialContext,
			DisableCompression:    true,
			ResponseHeaderTimeout: 2 * patience,
			ExpectContinueTimeout: time.Second,
			IdleConnTimeout:       2 * time.Second,
		},
		ordinary:      make(chan struct{}, ordinaryConnections),
		lasting:       make(chan struct{}, lastingConnections),
		adminPassword: adminPassword,
		grants:        map[string]grant{},
		failed:        map[string]failures{},
	}
}

type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

type message struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *rpcError       `json:"error,omitempty"`
}

type object map[string]interface{}

// run keeps the tunnel, and returns why it ended.
func (d *deviceEnd) run(conn net.Conn) error {
	config := yamux.DefaultConfig()
	config.EnableKeepAlive = false // heartbeat is known only after hello
	config.ConnectionWriteTimeout = patience
	session, err := yamux.Client(conn, config)
	if err != nil {
		return err
	}
	defer session.Close()
	d.session = session
	if d.control, err = session.OpenStream(); err != nil {
		return err
	}
	d.send(object{"jsonrpc": "2.0", "id": 1, "method": "hello", "params": object{
		"protocol": 1, "agent": "go-device-end/1",
		"capabilities": []string{"http", "login"}}})
	greeting := time.AfterFunc(helloPatience, func() { session.Close() })
	lines := bufio.NewReaderSize(d.control, maxControlLine)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("the tunnel has ended: %w", err)
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil || m.Version != "2.0" {
			return errors.New("the server does not speak JSON-RPC 2.0")
		}
		switch {
		case m.Method != "" && m.ID != nil:
			d.handleRequest(&m)
		case m.Method != "":
			d.handleNotification(&m)
		case m.Error != nil:
			return fmt.Errorf("hello was refused: %d %s", m.Error.Code, m.Error.Message)
		case greeting.Stop():
			var hello struct {
				Session   string  `json:"session"`
				Heartbeat float64 `json:"heartbeat"`
			}
			err := json.Unmarshal(m.Result, &hello)
			if err != nil || hello.Heartbeat < 1 || hello.Heartbeat > 3600 {
				return errors.New("the server's answer to hello is malformed")
			}
			log.Printf("the tunnel is up, session %s", hello.Session)
			go d.ping(time.Duration(hello.Heartbeat * float64(time.Second)))
			go d.acceptStreams()
		}
	}
}

func (d *deviceEnd) send(m interface{}) {
	line, err := json.Marshal(m)
	if err != nil {
		log.Fatal(err)
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if _, err := d.control.Write(append(line, '\n')); err != nil {
		d.session.Close()
	}
}

func (d *deviceEnd) ping(heartbeat time.Duration) {
	for unanswered := 0; unanswered < 2; {
		select {
		case <-d.session.CloseChan():
			return
		case <-time.After(heartbeat):
		}
		if _, err := d.session.Ping(); err != nil {
			unanswered++
		} else {
			unanswered = 0
		}
	}
	log.Print("two pings unanswered")
	d.session.Close()
}

func (d *deviceEnd) acceptStreams() {
	for {
		stream, err := d.session.AcceptStream()
		if err != nil {
			return
		}
		go d.serve(stream)
	}
}

func (d *deviceEnd) handleRequest(m *message) {
	answer := object{"jsonrpc": "2.0", "id": m.ID}
	if m.Method != "login" {
		answer["error"] = rpcError{-32601, "method not found"}
	} else if result, failure := d.login(m.Params); failure != nil {
		answer["error"] = failure
	} else {
		answer["result"] = result
	}
	d.send(answer)
}

func (d *deviceEnd) handleNotification(m *message) {
	var params struct {
		Grant  string `json:"grant"`
		Reason string `json:"reason"`
	}
	if json.Unmarshal(m.Params, &params) != nil {
		return
	}
	switch m.Method {
	case "logout":
		d.mutex.Lock()
		delete(d.grants, params.Grant)
		d.mutex.Unlock()
	case "goaway":
		log.Printf("the server says goaway: %s", params.Reason)
	}
}

func (d *deviceEnd) login(raw json.RawMessage) (object, *rpcError) {
	var params struct {
		Role   *string  `json:"role"`
		Secret *string  `json:"secret"`
		Client *string  `json:"client"`
		TTL    *float64 `json:"ttl"`
	}
	if json.Unmarshal(raw, &params) != nil || params.Role == nil ||
		params.Secret == nil || params.Client == nil || params.TTL == nil {
		return nil, &rpcError{-32602, "invalid params"}
	}
	if d.adminPassword == "" {
		return nil, &rpcError{-32002, "no admin password"}
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	now := time.Now()
	failed := d.failed[*params.Client]
	if now.Sub(failed.since) > failuresPer {
		failed = failures{since: now}
	}
	if failed.count >= maxFailures {
		return nil, &rpcError{-32003, "too many tries"}
	}
	given := sha256.Sum256([]byte(*params.Secret))
	wanted := sha256.Sum256([]byte(d.adminPassword))
	right := subtle.ConstantTimeCompare(given[:], wanted[:]) == 1
	if *params.Role != "admin" || !right {
		if len(d.failed) >= maxClients {
			d.failed = map[string]failures{}
		}
		failed.count++
		d.failed[*params.Client] = failed
		return nil, &rpcError{-32001, "wrong secret"}
	}
	if len(d.grants) >= maxGrants {
		d.endOldestGrant()
	}
	id := randomString(24, base64.RawURLEncoding)
	life := time.Duration(*params.TTL * float64(time.Second))
	d.grants[id] = grant{role: "admin", user: "admin", end: now.Add(life)}
	return object{"grant": id, "role": "admin", "user": "admin"}, nil
}

func (d *deviceEnd) endOldestGrant() {
	var oldest string
	for id, g := range d.grants {
		if oldest == "" || g.end.Before(d.grants[oldest].end) {
			oldest = id
		}
	}
	delete(d.grants, oldest)
}

func (d *deviceEnd) findGrant(id string) (grant, bool) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	g, known := d.grants[id]
	if known && time.Now().After(g.end) {
		delete(d.grants, id)
		known = false
	}
	return g, known
}

// Request streams: section 6.

type preamble struct {
	Kind   string `json:"kind"`
	Grant  string `json:"grant"`
	Client string `json:"client"`
	Scheme string `json:"scheme"`
	Host   string `json:"host"`
}

// serve answers the requests of a stream.
//
// This yamux has no call that sends RST. Close sends FIN, so no response may have its
// end marked by one.
func (d *deviceEnd) serve(stream *yamux.Stream) {
	defer stream.Close()
	reader := bufio.NewReaderSize(stream, maxFirstLine)
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return
	}
	var p preamble
	if json.Unmarshal(line, &p) != nil || p.Kind != "http" {
		return
	}
	for {
		g, known := d.findGrant(p.Grant)
		if !known {
			d.send(object{"jsonrpc": "2.0", "method": "revoke",
				"params": object{"grant": p.Grant}}) // before the FIN, which says nothing
			return
		}
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		e := &exchange{deviceEnd: d, stream: stream, reader: reader, preamble: p, grant: g}
		if !e.run(request) {
			return
		}
	}
}

// exchange is one request and its response.
type exchange struct {
	*deviceEnd
	stream   *yamux.Stream
	reader   *bufio.Reader
	preamble preamble
	grant    grant

	cancel     context.CancelFunc
	body       io.ReadCloser
	bodyFailed bool
	watched    chan struct{} // closed when the stream has something after the request

	mutex    sync.Mutex
	expected bool // the browser waits for 100 Continue
	read     bool // the request's body has been read
}

// Read is the request's body, for the transport.
func (e *exchange) Read(b []byte) (int, error) {
	e.mutex.Lock()
	if e.expected {
		e.expected = false
		io.WriteString(e.stream, "HTTP/1.1 100 Continue\r\n\r\n")
	}
	e.mutex.Unlock()
	n, err := e.body.Read(b)
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if err == io.EOF && !e.read {
		e.read = true
		go e.watch()
	} else if err != nil && err != io.EOF {
		e.bodyFailed = true
	}
	return n, err
}

func (e *exchange) Close() error { return nil }

// watch stops the request when the server resets the stream.
func (e *exchange) watch() {
	defer close(e.watched)
	if _, err := e.reader.Peek(1); err != nil && err != io.EOF {
		e.cancel()
	}
}

func (e *exchange) bodyState() (read, failed bool) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return e.read, e.bodyFailed
}

// run says whether another request may follow on the stream.
func (e *exchange) run(request *http.Request) bool {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	e.cancel = cancel
	e.watched = make(chan struct{})
	e.expected = strings.EqualFold(request.Header.Get("Expect"), "100-continue")

	var conn net.Conn
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { conn = info.Conn }})
	outgoing := e.toTarget(request.WithContext(ctx))
	if request.Body == http.NoBody {
		e.expected, e.read = false, true
		go e.watch()
	} else {
		e.body, outgoing.Body = request.Body, e
	}

	room := e.ordinary
	if outgoing.Header.Get("Upgrade") != "" ||
		strings.Contains(outgoing.Header.Get("Accept"), "text/event-stream") {
		room = e.lasting
	}
	select {
	case room <- struct{}{}:
		defer func() { <-room }()
	case <-ctx.Done():
		return false
	case <-time.After(queuePatience):
		return e.fail(http.StatusServiceUnavailable, "busy")
	}
	response, err := e.transport.RoundTrip(outgoing)
	if err != nil {
		_, failed := e.bodyState()
		var netError net.Error
		switch {
		case ctx.Err() != nil || failed:
			return false
		case errors.As(err, &netError) && netError.Timeout() && !isDial(err):
			return e.fail(http.StatusGatewayTimeout, "timeout")
		}
		log.Printf("no response from the target: %v", err)
		return e.fail(http.StatusBadGateway, "refused")
	}
	defer response.Body.Close()
	e.mutex.Lock()
	e.expected = false
	e.mutex.Unlock()
	e.toBrowser(response)
	if response.StatusCode == http.StatusSwitchingProtocols {
		e.relay(response, conn)
		return false
	}
	if err := e.respond(request.Method, response); err != nil {
		return false
	}
	return e.finish()
}

// isDial tells a connection that could not be made.
func isDial(err error) bool {
	var failure *net.OpError
	return errors.As(err, &failure) && failure.Op == "dial"
}

// finish waits for what comes after a response.
func (e *exchange) finish() bool {
	if read, _ := e.bodyState(); !read {
		return false
	}
	<-e.watched
	return true
}

func (e *exchange) fail(status int, reason string) bool {
	e.mutex.Lock()
	e.expected = false
	e.mutex.Unlock()
	_, err := fmt.Fprintf(e.stream,
		"HTTP/1.1 %d %s\r\nCfos-Error: %s\r\nContent-Length: 0\r\n\r\n",
		status, http.StatusText(status), reason)
	return err == nil && e.finish()
}

// respond writes a response whose end the server can see: with the target's length or
// in chunks.
func (e *exchange) respond(method string, response *http.Response) error {
	hasBody := method != "HEAD" && response.StatusCode != http.StatusNoContent &&
		response.StatusCode != http.StatusNotModified
	chunked := hasBody && response.ContentLength < 0
	if chunked {
		response.Header.Set("Transfer-Encoding", "chunked")
	}
	out := bufio.NewWriterSize(e.stream, 65536)
	writeHead(out, response)
	if err := out.Flush(); err != nil || !hasBody {
		return err
	}
	var body io.Writer = out
	if chunked {
		body = httputil.NewChunkedWriter(out)
	}
	buffer := make([]byte, 32768)
	for {
		n, err := response.Body.Read(buffer)
		if n > 0 {
			if _, failure := body.Write(buffer[:n]); failure != nil {
				return failure
			}
			if failure := out.Flush(); failure != nil {
				return failure
			}
		}
		if err == io.EOF {
			break
		} else if err != nil {
			return err
		}
	}
	if chunked {
		_, err := io.WriteString(e.stream, "0\r\n\r\n")
		return err
	}
	return nil
}

func writeHead(out io.Writer, response *http.Response) {
	fmt.Fprintf(out, "HTTP/1.1 %s\r\n", response.Status)
	response.Header.Write(out)
	io.WriteString(out, "\r\n")
}

// relay passes raw bytes after a 101, until both directions have ended.
func (e *exchange) relay(response *http.Response, conn net.Conn) {
	target, ok := response.Body.(io.ReadWriteCloser)
	if !ok {
		return
	}
	var head bytes.Buffer
	writeHead(&head, response)
	if _, err := e.stream.Write(head.Bytes()); err != nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-e.watched
		if _, err := io.Copy(target, e.reader); err != nil {
			target.Close()
		} else if half, ok := conn.(interface{ CloseWrite() error }); ok {
			half.CloseWrite()
		}
	}()
	io.Copy(e.stream, target)
	e.stream.Close()
	<-done
}

// Headers: sections 6.4 and 6.5.

var hopByHop = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade"}

// dropHopByHop returns the protocol of an upgrade, or nothing.
func dropHopByHop(header http.Header) string {
	upgrade := ""
	names := strings.Split(strings.Join(header.Values("Connection"), ","), ",")
	for i, name := range names {
		if names[i] = strings.TrimSpace(name); strings.EqualFold(names[i], "Upgrade") {
			upgrade = header.Get("Upgrade")
		}
	}
	for _, name := range append(names, hopByHop...) {
		header.Del(name)
	}
	return upgrade
}

func dropOurs(header http.Header) {
	for name := range header {
		if strings.HasPrefix(name, "Cfos-") {
			delete(header, name)
		}
	}
}

func setUpgrade(header http.Header, upgrade string) {
	if upgrade != "" {
		header.Set("Connection", "Upgrade")
		header.Set("Upgrade", upgrade)
	}
}

func (e *exchange) publicOrigin() string { return e.preamble.Scheme + "://" + e.preamble.Host }

func (e *exchange) targetOrigin() string { return e.target.Scheme + "://" + e.target.Host }

// toTarget makes the request for the target.
func (e *exchange) toTarget(request *http.Request) *http.Request {
	header := request.Header
	upgrade := dropHopByHop(header)
	setUpgrade(header, upgrade)
	dropOurs(header)
	header.Set("Cfos-Cloud", fmt.Sprintf("%s/ui/%s/cloud-login.htm",
		e.publicOrigin(), language(header.Get("Accept-Language"))))
	header.Set("Cfos-User", percentEncode(e.grant.user))
	header.Set("Cfos-Role", e.grant.role)
	for _, name := range []string{"Origin", "Referer"} {
		if value := header.Get(name); value != "" {
			header.Set(name, moveOrigin(value, e.publicOrigin(), e.targetOrigin()))
		}
	}
	if _, ok := header["User-Agent"]; !ok {
		header["User-Agent"] = []string{""} // or the transport adds its own
	}
	path, _, _ := strings.Cut(request.RequestURI, "?")
	if !strings.HasPrefix(path, "//") { // this would get the scheme in front
		request.URL.Opaque = path // byte for byte; Path may come out differently
	}
	request.URL.Scheme, request.URL.Host = e.target.Scheme, e.target.Host
	request.Host = e.target.Host
	request.RequestURI = ""
	request.Trailer = nil
	request.Close = false
	return request
}

// toBrowser changes the head of a response.
func (e *exchange) toBrowser(response *http.Response) {
	header := response.Header
	upgrade := dropHopByHop(header)
	if response.StatusCode == http.StatusSwitchingProtocols {
		setUpgrade(header, upgrade)
	}
	dropOurs(header)
	for _, name := range []string{"Location", "Content-Location"} {
		if value := header.Get(name); value != "" {
			header.Set(name, moveOrigin(value, e.targetOrigin(), e.publicOrigin()))
		}
	}
	if value := header.Get("Refresh"); value != "" {
		if at := strings.Index(strings.ToLower(value), "url="); at >= 0 {
			address := strings.Trim(value[at+4:], `"' `)
			moved := moveOrigin(address, e.targetOrigin(), e.publicOrigin())
			header.Set("Refresh", value[:at+4]+moved)
		}
	}
	for i, cookie := range header["Set-Cookie"] {
		kept := []string{}
		for _, part := range strings.Split(cookie, ";") {
			name, _, _ := strings.Cut(part, "=")
			if len(kept) == 0 || !strings.EqualFold(strings.TrimSpace(name), "Domain") {
				kept = append(kept, part)
			}
		}
		header["Set-Cookie"][i] = strings.Join(kept, ";")
	}
}

// moveOrigin puts one origin in the place of another, and leaves all other addresses.
func moveOrigin(address, from, to string) string {
	source, err := url.Parse(from)
	if err != nil {
		return address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return address
	}
	if u.Scheme == "" {
		u.Scheme = source.Scheme
	}
	if originOf(u) != originOf(source) {
		return address
	}
	_, rest, _ := strings.Cut(address, "//")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		return to + rest[end:]
	}
	return to
}

func originOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return strings.ToLower(u.Scheme + "://" + u.Hostname() + ":" + port)
}

func percentEncode(text string) string {
	var builder strings.Builder
	for _, b := range []byte(text) {
		if b <= 0x20 || b >= 0x7f || b == '%' {
			fmt.Fprintf(&builder, "%%%02X", b)
		} else {
			builder.WriteByte(b)
		}
	}
	return builder.String()
}

// language is what Accept-Language likes best of en, de and pt.
func language(accept string) string {
	best, weight := "en", 0.0
	for _, item := range strings.Split(accept, ",") {
		tag, parameter, _ := strings.Cut(item, ";")
		q := 1.0
		if _, value, ok := strings.Cut(parameter, "="); ok {
			q, _ = strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		if q > weight && (primary == "en" || primary == "de" || primary == "pt") {
			best, weight = primary, q
		}
	}
	return best
}
