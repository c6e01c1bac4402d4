import * as http from 'node:http';
import * as https from 'node:https';
import process from 'node:process';
import type * as Sdk from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { DirectClient } from './classes.directclient.js';
import type { IS3Settings } from './helpers.settings.js';

export type TS3Sdk = typeof Sdk;

/** Clients that share one connection pool and differ in what they do on their own. */
export interface IS3Clients {
  sdk: TS3Sdk;
  /** retries: for requests that may be sent twice */
  retrying: S3Client;
  /**
   * sends once: for writes and deletes, whose repetition could meet the result of the first request (helpers.write.ts)
   */
  once: S3Client;
  /**
   * Retries, and adds no checksum of its own. For parts of multipart uploads: a checksum on some of them (those not
   * copied) would have to be announced at the start and repeated at the end, and not every server can do so for copied
   * parts. Their bytes are covered by the request's signature.
   */
  parts: S3Client;
  /** a shortcut for small requests; leaves all others to the SDK */
  direct: DirectClient;
  close(): void;
}

/** Each body that is being read holds a socket; 50 slow downloads use up the SDK's default of 50. */
const MAX_SOCKETS = 1024;
const CONNECT_TIMEOUT_MS = 10_000;

const SILENT_SDK_LOGGER = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

const MUTE = 'AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED';

/**
 * The SDK warns once per process that its versions of 2027 will not support Node 20. This library pins the SDK's
 * version, so its users need no warning: the first client is made with the SDK's own switch set.
 */
const withoutWarning = <T>(make: () => T): T => {
  const before = process.env[MUTE];
  process.env[MUTE] = 'true';
  try {
    return make();
  } finally {
    if (before === undefined) delete process.env[MUTE];
    else process.env[MUTE] = before;
  }
};

/** Loads the SDK (about 20 MB of code, so only when it is needed). Does not connect yet. */
export const connect = async (settings: IS3Settings): Promise<IS3Clients> => {
  const [sdk, { SmartBucket }, { NodeHttpHandler }] = await Promise.all([
    import('@aws-sdk/client-s3'),
    import('@push.rocks/smartbucket'),
    import('@smithy/node-http-handler'),
  ]);
  const pool = { keepAlive: true, maxSockets: MAX_SOCKETS };
  const requestHandler = new NodeHttpHandler({
    httpAgent: new http.Agent(pool),
    httpsAgent: new https.Agent(pool),
    connectionTimeout: CONNECT_TIMEOUT_MS,
    throwOnRequestTimeout: true,
    logger: SILENT_SDK_LOGGER,
  });
  const build = (checksums: IS3Settings['checksums']): S3Client => {
    // smartbucket would guess a missing scheme and warn about it
    const { storageClient } = new SmartBucket({
      endpoint: settings.endpoint,
      region: settings.region,
      accessKey: settings.credentials?.accessKeyId ?? '',
      accessSecret: settings.credentials?.secretAccessKey ?? '',
    });
    Object.assign(storageClient.config, {
      // smartbucket supports neither session tokens nor the SDK's credential chain, which `undefined` selects
      credentials: settings.credentials,
      requestHandler,
      logger: SILENT_SDK_LOGGER,
      requestChecksumCalculation: async () => checksums,
      // callers check what they read against a digest; the SDK's check would be one more stream around the socket's,
      // with its own ways to fail and to be cancelled
      responseChecksumValidation: async () => 'WHEN_REQUIRED',
      // "Expect: 100-continue" opens a separate socket for each upload, and waits seconds if the server ignores it
      expectContinueHeader: false,
    });
    return storageClient;
  };
  const retrying = withoutWarning(() => build(settings.checksums));
  const once = build(settings.checksums);
  // replaced, not removed: the signing step is placed "after retryMiddleware"
  once.middlewareStack.add((next) => next, {
    name: 'retryMiddleware',
    step: 'finalizeRequest',
    priority: 'high',
    override: true,
  });
  const parts = build('WHEN_REQUIRED');
  // resolved once for all three clients, so that a token service gets one request
  for (const client of [once, parts]) Object.assign(client.config, { credentials: retrying.config.credentials });
  const direct = new DirectClient(retrying, requestHandler, settings);
  return { sdk, retrying, once, parts, direct, close: () => retrying.destroy() };
};
