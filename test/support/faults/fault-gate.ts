import type { IFault, IFaultGate, ISeenCall } from './interfaces.js';

/** What gates of stores and of requests share: which call has a fate, which call is held back, and the replica's end. */
export abstract class FaultGate implements IFaultGate {
  public readonly calls: ISeenCall[] = [];
  public readonly died: Promise<void>;
  public isDead = false;
  protected armed: { at: number; fault: IFault; interfere: () => Promise<void> } | undefined;
  protected struck: ISeenCall | undefined;
  protected looks = 0;
  protected held: (() => Promise<unknown>) | undefined;
  private announceDeath!: () => void;

  constructor() {
    this.died = new Promise((resolve) => {
      this.announceDeath = resolve;
    });
  }

  public arm(at: number, fault: IFault, interfere: () => Promise<void>): void {
    this.armed = { at, fault, interfere };
  }

  public disarm(): void {
    this.armed = undefined;
  }

  public async release(): Promise<void> {
    const { held } = this;
    this.held = undefined;
    // Nobody hears what became of it. A condition that does not hold any more is what is hoped for.
    await held?.().catch(() => undefined);
  }

  protected end(): void {
    this.isDead = true;
    this.announceDeath();
  }
}
