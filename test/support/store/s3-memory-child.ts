/**
 * Runs in a process of its own (see test/core/objectstore/test.s3.memory.ts): moves one big object and reports how far the
 * memory grew. Arguments: the store's configuration, `unknown`, `sized` or `get`, the bytes.
 */
import { S3ObjectStore } from '../../../ts/core/objectstore/s3/classes.s3objectstore.js';

const [, , config = '', mode, bytes] = process.argv;
const size = Number(bytes);
const store = new S3ObjectStore(JSON.parse(config));
await store.init();
// what every first request costs is not the transfer's
await store.put('warm', new Blob([new Uint8Array(9e6)]).stream());
const warm = await store.get('warm');
if (warm && warm !== 'notModified') for await (const _ of warm.body);

/** New memory for each chunk, as a socket gives it. */
const source = (): ReadableStream<Uint8Array> => {
  let sent = 0;
  return new ReadableStream(
    {
      pull(controller) {
        if (sent >= size) return controller.close();
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(sent >> 16));
      },
    },
    { highWaterMark: 0 },
  );
};

let peak = 0;
const look = () => {
  peak = Math.max(peak, process.memoryUsage().rss);
};
const before = process.memoryUsage().rss;
const timer = setInterval(look, 20);
const begun = performance.now();
if (mode === 'get') {
  const object = await store.get('big');
  let read = 0;
  if (object && object !== 'notModified') for await (const chunk of object.body) read += chunk.byteLength;
  if (read !== size) throw new Error(`${read} bytes came of ${size}`);
} else {
  await store.put('big', source(), mode === 'sized' ? { size } : {});
}
look();
clearInterval(timer);
const mibPerSecond = size / 1024 ** 2 / ((performance.now() - begun) / 1000);
process.stdout.write(JSON.stringify({ growth: (peak - before) / 1024 ** 2, mibPerSecond }));
await store.destroy();
