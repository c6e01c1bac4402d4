import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { createNodeServer } from '../../../ts/http/index.js';
import type { INodeServerOptions, IRequestHandler } from '../../../ts/http/interfaces.http.js';
import type { IRequestContext, IResponse } from '../../../ts/index.js';

export type THandle = (context: IRequestContext) => Promise<IResponse> | IResponse;

/** Something that can be hosted, whose answers the test decides. */
export const handler = (handle: THandle, more: Partial<IRequestHandler> = {}): IRequestHandler => ({
  handleRequest: async (context) => handle(context),
  ...more,
});

/** Puts a listener on a free port for the time of the test. */
export const listenWith = async (t: Test, listener: http.RequestListener): Promise<number> => {
  const server = http.createServer(listener);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
};

/** A whole server of ours for the time of the test. */
export const serveWith = async (t: Test, handle: THandle | IRequestHandler, options: INodeServerOptions = {}) => {
  const registry = typeof handle === 'function' ? handler(handle) : handle;
  const server = createNodeServer(registry, { port: 0, shutdownTimeoutMs: 1_000, ...options });
  const { port, url } = await server.listen();
  t.teardown(() => server.close());
  return { server, port, url };
};

/** A promise and the handle to settle it. */
export const deferred = <T = void>() => {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
};

/** Rejects when nothing comes of `promise`, so that a test that hangs says where. */
export const within = async <T>(promise: Promise<T>, what: string, ms = 5_000): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
};

/**
 * A body without an end that tells when it is cancelled. To be sure, it fails after `most` chunks: a host without
 * backpressure would fill the machine's memory with it.
 */
export const endless = (size = 64 * 1024, most = 1_000) => {
  const cancelled = deferred<unknown>();
  let pulls = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        pulls += 1;
        if (pulls > most) throw new Error(`${most} chunks were read`);
        controller.enqueue(new Uint8Array(size));
      },
      cancel: (reason) => cancelled.resolve(reason),
    },
    { highWaterMark: 0 },
  );
  return { body, cancelled: cancelled.promise, pulls: () => pulls };
};

/**
 * A key and a self-signed certificate for 127.0.0.1, or null where there is no openssl to make them.
 * @param key of the certificate; default: a new one
 */
export const selfSigned = (key?: string): { key: string; cert: string } | null => {
  const folder = mkdtempSync(join(tmpdir(), 'smartregistry-tls-'));
  try {
    const paths = { key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') };
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    if (key !== undefined) writeFileSync(paths.key, key);
    const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', paths.key];
    const keyed = key === undefined ? made : ['-key', paths.key];
    execFileSync('openssl', ['req', '-x509', ...keyed, '-days', '2', '-out', paths.cert, ...subject], {
      stdio: 'ignore',
    });
    return { key: readFileSync(paths.key, 'utf8'), cert: readFileSync(paths.cert, 'utf8') };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};
