import t from 'tap';
import { RequestBody } from '../../../ts/core/pipeline/classes.requestbody.js';

/** A sender who says nothing, and whether it was let go. */
const silent = () => {
  const seen = { cancelled: false };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull: () => new Promise(() => {}),
      cancel: () => {
        seen.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, seen };
};
const OPTIONS = { defaultLimit: 1000, idleTimeoutMs: 1000 };

t.test('a body in an encoding that is not known is refused, and let go', async (t) => {
  const { stream, seen } = silent();
  const body = new RequestBody(stream, { ...OPTIONS, contentEncoding: 'br' });
  await t.rejects(body.bytes(), { status: 415 } as never);
  body.dispose();
  t.ok(seen.cancelled);
});

t.test(
  'a body whose stream nobody reads is let go at the end of the request, and cannot be read after it',
  async (t) => {
    const { stream, seen } = silent();
    const body = new RequestBody(stream, OPTIONS);
    await body.stream().cancel();
    const late = new RequestBody('x', OPTIONS);
    const unread = late.stream();
    body.dispose();
    late.dispose();
    t.ok(seen.cancelled);
    await t.rejects(unread.getReader().read(), { kind: 'internal' } as never);
  },
);
