// A node:http server that does nothing but answer the same to every request, by default 8 KB; tells its port to the
// process that started it, which may send another answer.
import { createServer } from 'node:http';

let status = 200;
let headers = { 'content-type': 'application/json' };
let body = Buffer.alloc(8192, 'x');
const server = createServer((request, response) => {
  const answer = () => {
    response.writeHead(status, status === 304 ? headers : { ...headers, 'content-length': body.length });
    response.end(status === 304 ? undefined : body);
  };
  if (request.method === 'GET') return answer();
  request.resume();
  request.on('end', answer);
});
process.on('message', (next) => {
  ({ status, headers } = next);
  body = Buffer.from(next.body, 'base64');
  process.send('ready');
});
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
