import type { IContentStorage } from '../content/interfaces.content.js';
import type { IHookSubject } from './classes.hookrunner.js';

/** The hooks of one write without `commit`: each is asked once, and gets the outcome in the end. */
export class AskedHooks {
  private readonly allowed: { name: 'beforePut' | 'beforeDelete'; subject: IHookSubject }[] = [];

  constructor(private readonly storage: Pick<IContentStorage, 'ask' | 'tell'>) {}

  public async ask(name: 'beforePut' | 'beforeDelete', subject: IHookSubject): Promise<void> {
    await this.storage.ask(name, subject);
    this.allowed.push({ name, subject });
  }

  /** Runs `work`, which asks and does what was allowed; if it fails, `abort`. */
  public async settle<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      await this.abort();
      throw error;
    }
  }

  /** What was allowed did not happen. */
  public async abort(): Promise<void> {
    for (const { name, subject } of this.allowed.splice(0)) {
      await this.storage.tell('afterAbort', { ...subject, operation: name === 'beforePut' ? 'put' : 'delete' });
    }
  }

  /** @param keyOf where the subject lies in the end */
  public async tell(keyOf: (key: string) => string = (key) => key): Promise<void> {
    for (const { name, subject } of this.allowed.splice(0)) {
      const { open, ...about } = subject;
      const told = { ...about, key: keyOf(subject.key) };
      await this.storage.tell(name === 'beforePut' ? 'afterPut' : 'afterDelete', told);
    }
  }
}
