import { createHash } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import t, { type Test } from 'tap';
import type { IBenchWorld } from '../bench/worlds/interfaces.world.js';
import { startServer } from '../support/client/server.js';
import { forgetPeak, memoryOf } from '../support/process-watch.js';
import type { IClientRequest } from '../support/protocol/description.js';

const MIB = 1024 ** 2;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Sends a request and hashes the body of the answer as it comes. */
const exchange = (
  origin: string,
  { method, path, headers = {}, body = '' }: IClientRequest,
): Promise<{ status: number; digest: string; text: string; size: number }> =>
  new Promise((resolve, reject) => {
    const bytes = Buffer.from(body as string);
    const length = method === 'GET' ? {} : { 'content-length': bytes.length };
    const sent = request(`${origin}${path}`, { method, headers: { ...headers, ...length } });
    const take = (response: IncomingMessage): void => {
      const hash = createHash('sha256');
      let text = '';
      let size = 0;
      response.on('data', (part: Buffer) => {
        hash.update(part);
        size += part.length;
        if (text.length < 500) text += part.toString('latin1', 0, 500);
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, digest: hash.digest('hex'), text, size }));
    };
    sent.on('response', take).on('error', reject);
    sent.end(method === 'GET' ? undefined : bytes);
  });

/**
 * How far the memory of a server rises above that of the idle server while one big artifact goes up and comes down.
 * @param limits.size bytes of the artifact
 * @param limits.allowed MiB
 */
export const packageMemorySuite = (world: IBenchWorld, limits: { size: number; allowed: number }): void => {
  const { about } = world;
  const { protocol, config, credential = (token: string) => ({ authorization: `Bearer ${token}` }) } = about;
  const { size, allowed } = limits;
  const title = `${protocol}: ${size / MIB} MiB up and down cost less than ${allowed} MiB of memory`;
  t.test(title, { timeout: 600_000 }, async (t: Test) => {
    const server = await startServer({ quiet: true, config: { [protocol]: { enabled: true, ...config } } });
    t.teardown(() => server.stop());
    const { origin, pid } = server;
    const headers = credential(await server.token({ protocol }));
    const upload = (request: IClientRequest) =>
      exchange(origin, { ...request, headers: { ...request.headers, ...headers } });
    const download = (path: string, more: Record<string, string> = {}) =>
      exchange(origin, { method: 'GET', path, headers: { ...headers, ...more } });
    const [name] = about.names;
    // what every first request costs is not the transfer's
    for (const n of [1, 2]) {
      const {
        request,
        artifact,
        path = about.artifact(name, about.version(n)),
      } = await world.big(name, about.version(n), MIB);
      const { status, text } = await upload(request);
      t.ok(status < 300, text);
      t.equal((await download(path)).digest, sha256(artifact));
    }
    const version = about.version(3);
    const { request, artifact, path = about.artifact(name, version) } = await world.big(name, version, size);
    const digest = sha256(artifact);
    const idle = (await memoryOf(pid)).now;
    const watch = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
      await forgetPeak(pid);
      const begun = performance.now();
      const result = await work();
      const rate = artifact.length / 1e3 / (performance.now() - begun);
      const above = (await memoryOf(pid)).peak - idle;
      t.ok(above < allowed, `${what}: ${above.toFixed(0)} MiB above ${idle.toFixed(0)} at ${rate.toFixed(0)} MB/s`);
      return result;
    };
    const { status, text } = await watch('up', () => upload(request));
    t.ok(status < 300, `${status} ${text}`);
    const whole = await watch('down', () => download(path));
    t.equal(whole.digest, digest, 'the bytes that were uploaded');
    const half = artifact.length >> 1;
    const rest = await watch('the second half', () => download(path, { range: `bytes=${half}-` }));
    t.equal(rest.status, 206);
    t.equal(rest.digest, sha256(artifact.subarray(half)), 'the bytes of the second half');
  });
};
