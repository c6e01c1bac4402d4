import { randomUUID } from 'node:crypto';
import { RegistryError } from '../../classes.registryerror.js';
import type { IContentStorage } from '../content/interfaces.content.js';
import { OutcomeUnknownError } from '../documents/helpers.conditionalwrite.js';
import type { IHookSubject } from './classes.hookrunner.js';

interface IAllowed {
  name: 'beforePut' | 'beforeDelete';
  subject: IHookSubject;
}

const isUnknown = (error: unknown): boolean =>
  error instanceof OutcomeUnknownError || RegistryError.is(error, 'outcomeUnknown');

/**
 * The hooks of one write without `commit`: each subject is asked about once in each phase, and for each allowed subject
 * one hook is called with the outcome.
 */
export class AskedHooks {
  private readonly operationId = randomUUID();
  private readonly allowed: IAllowed[] = [];
  /** keys of what is done already, and stays so if the rest of the write fails */
  private readonly done = new Set<string>();

  constructor(private readonly storage: Pick<IContentStorage, 'ask' | 'tell'>) {}

  public async ask(name: 'beforePut' | 'beforeDelete', about: IHookSubject): Promise<void> {
    const subject = { ...about, operationId: this.operationId };
    await this.storage.ask(name, subject);
    // a subject that was allowed to begin and then to be committed has one outcome
    const begun = this.allowed.findIndex((one) => one.subject.phase === 'start' && one.subject.key === subject.key);
    if (begun >= 0) this.allowed.splice(begun, 1);
    this.allowed.push({ name, subject });
  }

  /** What was allowed for this key is done, whatever becomes of the rest of the write; or it was taken back. */
  public note(key: string, isDone: boolean): void {
    if (isDone) this.done.add(key);
    else this.done.delete(key);
  }

  /**
   * Runs `work`, which asks the hooks and does what they allowed. If it fails, `abort` is called, unless the write may
   * have been done.
   */
  public async abortOnFailure<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isUnknown(error)) this.allowed.push(...this.allowed.splice(0).filter((one) => this.isDone(one)));
      await this.abort();
      throw error;
    }
  }

  /** Reports that the allowed subjects were not written or deleted, except for those that are done. */
  public async abort(): Promise<void> {
    for (const one of this.allowed.splice(0)) {
      const { name, subject } = one;
      if (this.isDone(one)) await this.tellDone(one, subject.key);
      else await this.storage.tell('afterAbort', { ...subject, operation: name === 'beforePut' ? 'put' : 'delete' });
    }
  }

  /** @param keyOf returns the final key of the subject */
  public async tell(keyOf: (key: string) => string = (key) => key): Promise<void> {
    for (const one of this.allowed.splice(0)) await this.tellDone(one, keyOf(one.subject.key));
  }

  private isDone({ subject }: IAllowed): boolean {
    return this.done.has(subject.key);
  }

  private async tellDone({ name, subject }: IAllowed, key: string): Promise<void> {
    const { open, ...about } = subject;
    const told = { ...about, key, askedKey: subject.key };
    await this.storage.tell(name === 'beforePut' ? 'afterPut' : 'afterDelete', told);
  }
}
