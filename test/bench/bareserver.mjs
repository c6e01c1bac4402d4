// A node:http server that does nothing but answer 8 KB; tells its port to the process that started it.
import { createServer } from 'node:http';

const body = Buffer.alloc(8192, 'x');
const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
});
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
