import * as http from 'node:http';
import * as https from 'node:https';
import process from 'node:process';
import type * as Sdk from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { DirectClient } from './classes.directclient.js';
import type { IS3Settings } from './helpers.settings.js';

export type TS3Sdk = typeof Sdk;

/** Views of one connection pool that differ in what they do by themselves. */
export interface IS3Clients {
  sdk: TS3Sdk;
  /** retries by itself: for what may safely be sent twice */
  retrying: S3Client;
  /** sends once: for writes and deletes, of which a second one could meet the first one's result (helpers.write.ts) */
  once: S3Client;
  /**
   * Retries, and adds no checksum of its own. For parts of multipart uploads: a checksum on some of them (those not
   * copied) would have to be promised at the start and repeated at the end, and not every server can do so for copied
   * parts. Their bytes are covered by the request's signature.
   */
  parts: S3Client;
  /** a short way for what is small, and leaves the rest to the others */
  direct: DirectClient;
  close(): void;
}

/** Each body that is being read holds one; the SDK's default of 50 is used up by 50 slow downloads. */
const MAX_SOCKETS = 1024;
const CONNECT_TIMEOUT_MS = 10_000;

const SILENT_SDK_LOGGER = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

const MUTE = 'AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED';

/**
 * The SDK prints once per process that Node 20 will not do for its versions of 2027. Which version runs is this
 * library's business (it is pinned), not its user's, so the first client is made with the SDK's own switch set.
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

/** Loads the SDK (about 20 MB of code, hence not before it is needed) and connects to nothing yet. */
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
    // the endpoint has a scheme here, so that smartbucket has nothing to guess and to warn about
    const { storageClient } = new SmartBucket({
      endpoint: settings.endpoint,
      region: settings.region,
      accessKey: settings.credentials?.accessKeyId ?? '',
      accessSecret: settings.credentials?.secretAccessKey ?? '',
    });
    Object.assign(storageClient.config, {
      // smartbucket knows neither session tokens nor the SDK's chain, which `undefined` selects
      credentials: settings.credentials,
      requestHandler,
      logger: SILENT_SDK_LOGGER,
      requestChecksumCalculation: async () => checksums,
      // what is read is checked by whoever asked for it, against a digest; the SDK's check is one more stream around the
      // socket's, to be cancelled and to fail in its own ways
      responseChecksumValidation: async () => 'WHEN_REQUIRED',
      // "Expect: 100-continue" opens a socket of its own for each upload and waits seconds where it is not answered
      expectContinueHeader: false,
    });
    return storageClient;
  };
  const retrying = withoutWarning(() => build(settings.checksums));
  const once = build(settings.checksums);
  // replaced and not removed: the signing step has its place "after retryMiddleware"
  once.middlewareStack.add((next) => next, {
    name: 'retryMiddleware',
    step: 'finalizeRequest',
    priority: 'high',
    override: true,
  });
  const parts = build('WHEN_REQUIRED');
  // resolved once for all three, so that a token service is not asked three times
  for (const client of [once, parts]) Object.assign(client.config, { credentials: retrying.config.credentials });
  const direct = new DirectClient(retrying, requestHandler, settings);
  return { sdk, retrying, once, parts, direct, close: () => retrying.destroy() };
};
