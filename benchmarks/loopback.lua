-- wrk connects to loopback, whatever the host of its URL is called: that goes into
-- SNI and Host, and need not be in any DNS.
function wrk.resolve(_, service)
   wrk.addrs = wrk.lookup("127.0.0.1", service)
end
