import { RegistryError } from '../../../classes.registryerror.js';
import type { IS3StorageConfig } from '../interfaces.s3config.js';

/** A checked `IS3StorageConfig`: one URL, one bucket, one prefix. */
export interface IS3Settings {
  /** scheme, host and port, no path */
  endpoint: string;
  region: string;
  bucket: string;
  /** empty, or ends with `/`; prepended to every key */
  prefix: string;
  /** absent: the SDK's own chain (environment, profile, web identity, instance role) */
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  /** always set, because the driver relies on it and environment variables of the SDK could change it */
  checksums: 'WHEN_SUPPORTED' | 'WHEN_REQUIRED';
  encryption?: string;
  allowUnconditionalWrites: boolean;
  createBucket: boolean;
}

/** An error for the operator at the start. Names the field, never a secret. */
const wrong = (field: string, problem: string): RegistryError =>
  new RegistryError('invalid', `config.storage.${field} ${problem}`);

const isFalse = (value: unknown): boolean => ['false', '0'].includes(String(value).trim().toLowerCase());

/** Accepts `host`, `host:port` and full URLs, as the descriptor does; `port` and `useSsl` add what is missing. */
const readEndpoint = (config: IS3StorageConfig): string => {
  const text = config.endpoint.trim();
  const scheme = /^https?:\/\//i.test(text) ? '' : isFalse(config.useSsl) ? 'http://' : 'https://';
  let url: URL;
  try {
    url = new URL(scheme + text);
  } catch (cause) {
    throw new RegistryError('invalid', 'config.storage.endpoint is neither a host name nor a URL', { cause });
  }
  if (url.username || url.password)
    throw wrong('endpoint', 'must not hold credentials: use accessKey and accessSecret');
  if (url.pathname !== '/' || url.search) {
    throw wrong('endpoint', 'must not have a path: name the bucket in bucketName, a folder in it in directoryPath');
  }
  if (config.port !== undefined && config.port !== '') {
    const port = Number(config.port);
    if (!Number.isInteger(port) || port < 1 || port > 65535) throw wrong('port', 'must be a number from 1 to 65535');
    url.port = String(port);
  }
  return url.origin;
};

const readPrefix = (directoryPath = ''): string => {
  const segments = directoryPath.split('/').filter((segment) => segment !== '');
  if (segments.some((segment) => segment === '.' || segment === '..')) {
    throw wrong('directoryPath', 'must not hold "." or ".."');
  }
  return segments.map((segment) => `${segment}/`).join('');
};

export const readSettings = (config: IS3StorageConfig): IS3Settings => {
  if (!config.endpoint) throw wrong('endpoint', 'must be a non-empty string');
  if (!config.bucketName) throw wrong('bucketName', 'must be a non-empty string');
  const { accessKey, accessSecret, sessionToken } = config;
  if (!accessKey !== !accessSecret) {
    throw wrong(
      accessKey ? 'accessSecret' : 'accessKey',
      'is missing: give both keys, or neither for the SDK to find them',
    );
  }
  return {
    endpoint: readEndpoint(config),
    region: config.region || 'us-east-1',
    bucket: config.bucketName,
    prefix: readPrefix(config.directoryPath),
    credentials:
      accessKey && accessSecret ? { accessKeyId: accessKey, secretAccessKey: accessSecret, sessionToken } : undefined,
    checksums: config.checksums ?? 'WHEN_SUPPORTED',
    encryption: config.serverSideEncryption,
    allowUnconditionalWrites: config.allowUnconditionalWrites ?? false,
    createBucket: config.createBucket ?? true,
  };
};
