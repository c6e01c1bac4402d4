import type { IObjectStore } from '../../../ts/core/objectstore/interfaces.objectstore.js';
import {
  type IAuthProvider,
  type IRegistryConfig,
  type IResponse,
  SmartRegistry,
  streamToBuffer,
} from '../../../ts/index.js';
import type { TEffects } from './history.js';
import type { IFaultGate } from './interfaces.js';
import type { World } from './world.js';

export interface IAnswer extends IResponse {
  bytes: Buffer;
  text: string;
}

export interface IReplicaRequest {
  body?: string | Uint8Array;
  headers?: Record<string, string>;
}

/** Users cost a scrypt each, and are none of what is tried here: everybody is somebody and may do everything. */
const EVERYBODY: IAuthProvider = {
  authenticate: async ({ username }) => username,
  validateToken: async () => null,
  createToken: async () => '',
  revokeToken: async () => {},
  authorize: async () => true,
};
const BASIC = `Basic ${Buffer.from('somebody:password').toString('base64')}`;

/** The process ended before its client had an answer. */
export class ReplicaDied extends Error {}

/** One process on the store of the case. */
export class Replica {
  private constructor(
    public readonly name: string,
    public readonly world: World,
    public readonly registry: SmartRegistry,
    public readonly gate?: IFaultGate,
  ) {}

  public static async start(
    name: string,
    world: World,
    store: IObjectStore,
    config: Partial<IRegistryConfig> = {},
    gate?: IFaultGate,
  ): Promise<Replica> {
    const log = (level: string) => (message: string, fields?: unknown) => world.note(name, level, message, fields);
    const registry = new SmartRegistry({
      npm: { enabled: true },
      oci: { enabled: true },
      logger: { info: () => {}, warn: log('warn'), error: log('error') },
      ...config,
      auth: { jwtSecret: 'a-secret-of-the-tests-that-is-long-enough', tokenStore: 'memory' },
      authProvider: EVERYBODY,
      storage: { objectStore: store },
    });
    await registry.init();
    return new Replica(name, world, registry, gate);
  }

  public get isDead(): boolean {
    return this.gate?.isDead ?? false;
  }

  /** Sends one request and keeps in the history what it means. */
  public async send(
    method: string,
    target: string,
    { body, headers }: IReplicaRequest = {},
    effects: TEffects = {},
  ): Promise<IAnswer> {
    const url = new URL(target, 'http://registry.example.org');
    const length: Record<string, string> = body ? { 'content-length': String(Buffer.byteLength(body)) } : {};
    const recording = this.world.history.begin(effects);
    let answer: IAnswer;
    try {
      const response = await this.registry.handleRequest({
        method,
        path: url.pathname,
        headers: { host: url.host, authorization: BASIC, ...length, ...headers },
        query: Object.fromEntries(url.searchParams),
        body,
      });
      const bytes = await streamToBuffer(response.body).catch((error: unknown) => {
        // what a client sees of a body that breaks off
        this.world.note(this.name, 'warn', 'a body broke off', error);
        return null;
      });
      answer = bytes
        ? { ...response, bytes, text: bytes.toString() }
        : { status: 503, headers: {}, bytes: Buffer.alloc(0), text: 'the body broke off' };
    } catch (error) {
      recording.unknown();
      if (!this.isDead) this.world.violation(`${method} ${target} was not answered at all: ${String(error)}`);
      throw error;
    }
    const { status, text } = answer;
    if (this.isDead) {
      recording.unknown();
      throw new ReplicaDied(`${this.name} died during ${method} ${target}`);
    }
    if (status < 300) recording.acknowledged();
    else if (status < 500) recording.refused();
    else recording.unknown();
    if (status >= 500 && status !== 503) {
      this.world.violation(`${this.name}: ${method} ${target} was answered ${status} ${text.slice(0, 200)}`);
    }
    return answer;
  }

  public get(target: string, headers?: Record<string, string>): Promise<IAnswer> {
    return this.send('GET', target, { headers });
  }

  public async stop(): Promise<void> {
    await this.registry.destroy();
  }
}
