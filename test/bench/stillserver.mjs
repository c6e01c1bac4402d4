// A node:http server that sends answers which it was given, from memory; tells its port to the process that started it.
import { createServer } from 'node:http';

const answers = new Map();
const server = createServer((request, response) => {
  const [type, body] = answers.get(request.url) ?? ['application/json', Buffer.from('{}')];
  response.writeHead(answers.has(request.url) ? 200 : 404, { 'content-type': type, 'content-length': body.length });
  response.end(body);
});
process.on('message', ({ origin, recorded }) => {
  const own = `http://127.0.0.1:${server.address().port}`;
  for (const { path, type, bytes } of recorded) {
    const body = Buffer.from(bytes, 'base64');
    answers.set(path, [type, type.includes('json') ? Buffer.from(body.toString().replaceAll(origin, own)) : body]);
  }
  process.send('filled');
});
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
