-- Prints what wrk counted as one line of JSON; bench/wrk.py reads it.
done = function(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        '{"requests": %d, "connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}\n',
        summary.requests, errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
