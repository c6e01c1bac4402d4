import { RegistryError } from '../../classes.registryerror.js';
import type { StagedObject } from '../../classes.registrystorage.js';

/**
 * Content that was received before the rights of its sender were known, because its name is in the body. It can be read
 * to find the name, and published only after `call.authorize(name)`.
 */
export class LateContent {
  constructor(
    private readonly content: StagedObject,
    private readonly isAuthorized: (name: string) => boolean,
  ) {}

  /** bytes */
  public get size(): number {
    return this.content.size;
  }

  /** algorithm -> hex */
  public get digests(): Record<string, string> {
    return this.content.digests;
  }

  /** The bytes, to find the name in them. */
  public open(): Promise<ReadableStream<Uint8Array>> {
    return this.content.open();
  }

  /** The staged object, for a write to `name`. Throws `internal` until the caller's right to this name was checked. */
  public stagedFor(name: string): StagedObject {
    if (this.isAuthorized(name)) return this.content;
    throw new RegistryError(
      'internal',
      'Content of a late route was used before call.authorize() had allowed its name',
    );
  }
}
