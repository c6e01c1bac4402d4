import { basename } from 'node:path';
import { forEachAtOnce } from '../../core/base/helpers.concurrency.js';
import type { BaseRegistry } from '../../core/classes.baseregistry.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { IImporter, IImportItem } from '../../core/pipeline/interfaces.importing.js';
import { type IFoundFile, importFile } from './helpers.files.js';

/** A protocol that imports files. */
export interface IImportTarget {
  registry: BaseRegistry;
  importer: IImporter;
}

export type TImportOutcome = 'imported' | 'present' | 'failed' | 'skipped';

/** The end of the work on one file. */
export interface IImportResult {
  path: string;
  outcome: TImportOutcome;
  /** of a failure: a sentence for the user */
  reason?: string;
  /** `npm left-pad 1.0.0`, if that much is known */
  label?: string;
}

export interface IImportRunOptions {
  targets: readonly IImportTarget[];
  /** the name that is recorded as the author */
  userId: string;
  /** begins no further file when it aborts, and ends the uploads under way */
  signal: AbortSignal;
  onResult(result: IImportResult): void;
}

/**
 * Files at a time. Uploads wait for the disk most of the time; more of them would not be faster, and each holds buffers.
 */
const AT_ONCE = 4;

const reasonOf = (error: unknown): string => {
  const { code } = error as NodeJS.ErrnoException;
  if (!(error instanceof RegistryError)) return code ? `cannot be read: ${code}` : String(error);
  const { cause, kind, message } = error;
  return kind === 'internal' && cause instanceof Error ? `${message}: ${cause.message}` : message;
};

/** Uploads files through the routes of their protocols; a failure concerns one file. */
export class ImportRun {
  /** the last upload of each package: see `IImportItem.packageName` */
  readonly #packages = new Map<string, Promise<void>>();
  readonly #options: IImportRunOptions;

  constructor(options: IImportRunOptions) {
    this.#options = options;
  }

  /** Resolves when all files are done, or, after an abort, when those under way have ended. */
  public async run(files: readonly IFoundFile[]): Promise<void> {
    await forEachAtOnce(files, AT_ONCE, async (file) => {
      if (this.#options.signal.aborted) return;
      const result = await this.#resultOf(file);
      if (result) this.#options.onResult({ path: file.path, ...result });
    });
  }

  /** Undefined if the run was aborted before the result was known. */
  async #resultOf(file: IFoundFile): Promise<Omit<IImportResult, 'path'> | undefined> {
    const name = basename(file.path);
    const able = this.#options.targets.filter(({ importer }) => importer.accepts(name, file.below));
    // a broken link in a folder is no failure if it has the name of something else
    if (file.failure !== undefined && (file.isNamed || able.length > 0)) {
      return { outcome: 'failed', reason: file.failure };
    }
    if (able.length === 0) {
      if (!file.isNamed) return { outcome: 'skipped' };
      const protocols = this.#options.targets.map(({ registry }) => registry.protocol);
      return {
        outcome: 'failed',
        reason: `is not named like a package of ${protocols.join(' or ') || 'any protocol'}`,
      };
    }
    try {
      const { target, item } = await this.#chosen(able, file);
      const label = [target.registry.protocol, item.title ?? item.packageName, item.version].filter(Boolean).join(' ');
      return await this.#inTurn(`${target.registry.protocol} ${item.packageName}`, async () => {
        const result = await this.#upload(target.registry, item);
        return result && { label, ...result };
      });
    } catch (error) {
      return this.#options.signal.aborted ? undefined : { outcome: 'failed', reason: reasonOf(error) };
    }
  }

  /**
   * The protocol of a file. If the name fits several, as that of a `.zip` does, the content decides.
   * @throws RegistryError with a sentence for the user, if no protocol takes the content or several do
   */
  async #chosen(
    able: readonly IImportTarget[],
    file: IFoundFile,
  ): Promise<{ target: IImportTarget; item: IImportItem }> {
    const taken: { target: IImportTarget; item: IImportItem }[] = [];
    const refusals: { protocol: string; error: unknown }[] = [];
    for (const target of able) {
      try {
        taken.push({ target, item: await target.importer.inspect(importFile(file)) });
      } catch (error) {
        refusals.push({ protocol: target.registry.protocol, error });
      }
    }
    const [one, ...others] = taken;
    if (one && others.length === 0) return one;
    if (one) {
      const protocols = taken.map(({ target }) => target.registry.protocol).join(' or ');
      throw new RegistryError('invalid', `may be for ${protocols}: say which with --protocol`);
    }
    const reasons = new Set(refusals.map(({ error }) => reasonOf(error)));
    // also if the file cannot be read: every protocol then gives the same reason
    if (reasons.size === 1) throw refusals[0]?.error;
    throw new RegistryError(
      'invalid',
      refusals.map(({ protocol, error }) => `${protocol}: ${reasonOf(error)}`).join('; '),
    );
  }

  async #upload(registry: BaseRegistry, item: IImportItem): Promise<Omit<IImportResult, 'path'> | undefined> {
    const { userId, signal } = this.#options;
    if (signal.aborted) return undefined;
    // a repetition then reads the files once and sends none, also if the route would take the same content again
    if ((await item.published?.()) === 'same') return { outcome: 'present' };
    try {
      await registry.runAsOperator(await item.request(), { userId, signal });
      return { outcome: 'imported' };
    } catch (error) {
      if (!RegistryError.is(error, 'alreadyExists')) throw error;
      // by somebody else meanwhile
      const published = (await item.published?.()) ?? 'same';
      if (published === 'same') return { outcome: 'present' };
      const reason = reasonOf(error);
      // the names of deleted versions and files are taken as well, and then there is nothing to differ from
      if (published === 'nothing') return { outcome: 'failed', reason };
      const sentence = reason.replace(/\.?$/, '.');
      return { outcome: 'failed', reason: `${sentence} The content of this file differs from the published one.` };
    }
  }

  /** Runs `work` when the work before it under this key has ended. */
  async #inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#packages.get(key);
    const running = (before ?? Promise.resolve()).then(work);
    const ended = running.then(
      () => undefined,
      () => undefined,
    );
    this.#packages.set(key, ended);
    try {
      return await running;
    } finally {
      if (this.#packages.get(key) === ended) this.#packages.delete(key);
    }
  }
}
