import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { cacheOf } from '../core/base/helpers.caches.js';
import { Slices } from '../core/base/helpers.slices.js';
import { RegistryError } from '../core/classes.registryerror.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import type { INpmDocument, INpmManifest, INpmSignature } from './interfaces.npm.js';
import { signingKeysKey } from './keys.npm.js';
import { type IPublicKey, publicKeyOf, signedText, signManifest } from './wire/wire.signatures.js';

const generate = promisify(generateKeyPair);

/** `npm/signing-keys.json` */
interface ISigningKeys {
  /** The first one signs; the others are those of versions that were signed earlier. */
  keys: { /** PKCS#8, PEM */ privateKey: string; created: string }[];
}

interface ILoadedKeys {
  published: IPublicKey[];
  keyid: string;
  key: KeyObject;
  /** whether the manifest has a signature that can be verified */
  isSigned(manifest: INpmManifest): boolean;
}

const newKey = async (): Promise<string> => {
  const { privateKey } = await generate('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
};

const load = ({ keys }: ISigningKeys): ILoadedKeys => {
  const pairs = keys.map(({ privateKey }) => {
    const key = createPrivateKey(privateKey);
    return { key, published: publicKeyOf(createPublicKey(key).export({ type: 'spki', format: 'der' })) };
  });
  const [first] = pairs;
  if (!first) throw new RegistryError('internal', `${signingKeysKey} contains no key`);
  const ids = new Set(pairs.map(({ published }) => published.keyid));
  return {
    published: pairs.map(({ published }) => published),
    keyid: first.published.keyid,
    key: first.key,
    isSigned: ({ dist }) => dist.signatures?.some(({ keyid }) => ids.has(keyid)) ?? false,
  };
};

/** ms until a key that could not be stored is tried again */
export const RETRY_MS = 5_000;
/** Cached signatures, 250 bytes each. */
const MAX_REMEMBERED = 20_000;

/**
 * Signs versions with the registry's key. The key is made when it is first needed and stored, so all replicas have the
 * same one. A version without a valid signature (published before there were signatures, or its key is lost) is signed
 * when it is served. The next publish of its package in this process stores that signature.
 */
export class RegistrySigner {
  private loading: Promise<ILoadedKeys> | undefined;
  /** ms since the epoch: when the key could not be stored */
  private failedAt: number | undefined;
  private readonly remembered = cacheOf<string, INpmSignature[]>(MAX_REMEMBERED);

  constructor(private readonly storage: Pick<RegistryStorage, 'read' | 'update' | 'now' | 'logger'>) {}

  /** The keys at `/-/npm/v1/keys`. */
  public async publicKeys(): Promise<IPublicKey[]> {
    return (await this.keys()).published;
  }

  public async sign(manifest: INpmManifest): Promise<INpmSignature[]> {
    const { keyid, key } = await this.keys();
    return [signManifest(manifest, keyid, key)];
  }

  /**
   * Whether versions can be signed now. False only if the registry has no key yet and cannot store one (a full disk, a
   * store that can only be read): reading packages must not depend on a write, so they are served without signatures then.
   */
  public async canSign(): Promise<boolean> {
    if (this.failedAt !== undefined && Math.abs(this.storage.now().getTime() - this.failedAt) < RETRY_MS) return false;
    try {
      await this.keys();
      this.failedAt = undefined;
      return true;
    } catch (error) {
      if (!(error instanceof RegistryError) || error.status < 500 || error.kind === 'internal') throw error;
      this.failedAt = this.storage.now().getTime();
      this.storage.logger.warn(
        'The key for signatures of npm packages cannot be stored: they are served without signatures',
        {
          error: error.message,
        },
      );
      return false;
    }
  }

  /** Returns the document with a signature of this registry on each of these versions. */
  public async signed(document: INpmDocument, versions = Object.values(document.versions)): Promise<INpmDocument> {
    const { isSigned, keyid, key } = await this.keys();
    const slices = new Slices();
    const changed: INpmManifest[] = [];
    for (const manifest of versions) {
      if (isSigned(manifest)) continue;
      const text = signedText(manifest);
      const signatures = this.remembered.get(text) ?? [signManifest(manifest, keyid, key)];
      this.remembered.set(text, signatures);
      changed.push(withSignatures(manifest, signatures));
      if (slices.due) await slices.rest();
    }
    return withManifests(document, changed);
  }

  /** Returns a function that adds cached signatures to versions of a document that lack them. */
  public async remembering(): Promise<(document: INpmDocument) => INpmDocument> {
    const { isSigned } = await this.keys();
    return (document) => this.withRemembered(document, isSigned);
  }

  private withRemembered(document: INpmDocument, isSigned: ILoadedKeys['isSigned']): INpmDocument {
    if (this.remembered.size === 0) return document;
    const changed = Object.values(document.versions).flatMap((manifest) => {
      const signatures = isSigned(manifest) ? undefined : this.remembered.get(signedText(manifest));
      return signatures === undefined ? [] : [withSignatures(manifest, signatures)];
    });
    return withManifests(document, changed);
  }

  private keys(): Promise<ILoadedKeys> {
    this.loading ??= this.obtain().catch((error: unknown) => {
      this.loading = undefined;
      throw error;
    });
    return this.loading;
  }

  private async obtain(): Promise<ILoadedKeys> {
    const stored = await this.storage.read<ISigningKeys>(signingKeysKey);
    if (stored) return load(stored.value);
    const key = { privateKey: await newKey(), created: this.storage.now().toISOString() };
    // if two replicas do this at once, one finds the other's key
    const { value } = await this.storage.update<ISigningKeys>(signingKeysKey, (current) => current ?? { keys: [key] });
    return load(value as ISigningKeys);
  }
}

const withSignatures = (manifest: INpmManifest, signatures: INpmSignature[]): INpmManifest => ({
  ...manifest,
  dist: { ...manifest.dist, signatures },
});

const withManifests = (document: INpmDocument, manifests: readonly INpmManifest[]): INpmDocument => {
  if (manifests.length === 0) return document;
  const versions = { ...document.versions };
  for (const manifest of manifests) versions[manifest.version] = manifest;
  return { ...document, versions };
};
