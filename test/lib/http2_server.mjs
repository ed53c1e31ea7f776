// An HTTP/2 server over TLS, for test/tap/345_http_real.pl: node http2_server.mjs PORT KEY CERT LOG
//
// The path says what it does. Each line of the log is "request SESSION METHOD PATH KEY" (KEY: Idempotency-Key), or
// "closed SESSION PATH" when the client has given a stream up.
import { createSecureServer, constants } from 'node:http2';
import { appendFileSync, readFileSync } from 'node:fs';

const [, , port, key, cert, log] = process.argv;
const server = createSecureServer({ key: readFileSync(key), cert: readFileSync(cert), settings: { maxConcurrentStreams: 100 } });
const seen = new Map();
let sessions = 0;

server.on('session', (session) => { session.number = ++sessions; session.on('error', () => {}); });
server.on('sessionError', () => {});
server.on('stream', (stream, headers) => {
	const url = new URL(headers[':path'], 'https://localhost');
	const what = url.pathname.slice(1);
	const q = url.searchParams;
	const id = headers['idempotency-key'];
	const times = (seen.get(id) ?? 0) + 1;
	let given_up = true;
	const answer = (value, more) => {
		if (stream.destroyed)
			return;
		given_up = false;
		stream.respond({ ':status': 200, 'content-type': 'application/json', ...more });
		stream.end(JSON.stringify({ session: stream.session?.number, times, ...value }));
	};

	seen.set(id, times);
	appendFileSync(log, `request ${stream.session.number} ${headers[':method']} ${headers[':path']} ${id}\n`);
	const session = stream.session.number;
	stream.on('error', () => {});
	stream.on('close', () => { if (given_up) appendFileSync(log, `closed ${session} ${headers[':path']}\n`); });
	if (what === 'slow')
		setTimeout(() => answer({}), Number(q.get('ms')));
	else if (what === 'hang')
		return;
	// the first time for each key
	else if (what === 'reset' && times === 1)
		stream.close(constants.NGHTTP2_INTERNAL_ERROR);
	else if (what === 'refused' && times === 1)
		stream.close(constants.NGHTTP2_REFUSED_STREAM);
	else if (what === 'goaway')
	{
		// no more of this connection; what is in flight is answered
		stream.session.goaway(constants.NGHTTP2_NO_ERROR);
		setTimeout(() => answer({}), 200);
	}
	else if (what === 'crash' && times === 1)
		stream.session.destroy(new Error('crash'), constants.NGHTTP2_INTERNAL_ERROR);
	else if (what === 'shorter' && times === 1)
	{
		stream.respond({ ':status': 200, 'content-length': 100 });
		stream.end('ten bytes!');
	}
	else if (what === 'endless')
	{
		const piece = Buffer.alloc(65536, 'x');
		const more = () => { while (!stream.destroyed && stream.write(piece)); };

		stream.respond({ ':status': 200 });
		stream.on('drain', more);
		more();
	}
	else
		answer({ method: headers[':method'], path: headers[':path'] });
});
server.listen(Number(port), '127.0.0.1');
