import { Housekeeper } from './core/base/classes.housekeeper.js';
import { DEFAULT_LIMITS } from './core/base/helpers.limits.js';
import { loggerOf } from './core/base/helpers.log.js';
import { AuthManager } from './core/classes.authmanager.js';
import type { BaseRegistry } from './core/classes.baseregistry.js';
import { ConfigError } from './core/classes.configerror.js';
import { RegistryError } from './core/classes.registryerror.js';
import { RegistryStorage } from './core/classes.registrystorage.js';
import type { IRegistryCommand } from './core/interfaces.commands.js';
import type {
  IClientSetup,
  IIncomingContext,
  ILogger,
  IProtocolConfig,
  IRequestContext,
  IResponse,
  TRegistryProtocol,
} from './core/interfaces.core.js';
import { Cors } from './core/pipeline/classes.cors.js';
import { type IFoundMount, isPrefix, MountTable } from './core/pipeline/classes.mounttable.js';
import { plainContext } from './core/pipeline/helpers.context.js';
import { respond, withoutForbiddenBody } from './core/pipeline/helpers.http.js';
import { withProtection } from './core/pipeline/helpers.protection.js';
import { normalizePath } from './core/pipeline/helpers.routes.js';
import type { IRegistryServices } from './core/pipeline/interfaces.pipeline.js';
import { AnswerCache } from './core/pipeline/serving/classes.answercache.js';
import { RenderCache } from './core/pipeline/serving/classes.rendercache.js';
import { ChoreRecords } from './core/storage/upkeep/classes.chores.js';
import type { IGarbageOptions, IGarbageReport } from './core/storage/upkeep/interfaces.garbage.js';
import { checkConfig, PROTOCOLS, type TBuiltInProtocol } from './helpers.config.js';
import { explained, openStore } from './helpers.openstore.js';
import { configAdvice } from './helpers.scopeadvice.js';
import type { IRegistryConfig } from './interfaces.config.js';

interface IRegistryClass {
  new (services: IRegistryServices, config: IProtocolConfig): BaseRegistry;
  readonly commands?: readonly IRegistryCommand[];
}

/** The protocols, each loaded when it is enabled. Only this file knows them all. */
const LOADERS: Readonly<Record<TBuiltInProtocol, () => Promise<IRegistryClass>>> = {
  oci: async () => (await import('./oci/index.js')).OciRegistry,
  npm: async () => (await import('./npm/index.js')).NpmRegistry,
  maven: async () => (await import('./maven/index.js')).MavenRegistry,
  cargo: async () => (await import('./cargo/index.js')).CargoRegistry,
  composer: async () => (await import('./composer/index.js')).ComposerRegistry,
  pypi: async () => (await import('./pypi/index.js')).PypiRegistry,
  rubygems: async () => (await import('./rubygems/index.js')).RubyGemsRegistry,
};

/** The built-in protocols that this release can serve. */
export const availableProtocols = (): TBuiltInProtocol[] => [...PROTOCOLS];

/** The commands of a built-in protocol for the command line. */
export const commandsOf = async (protocol: TBuiltInProtocol): Promise<readonly IRegistryCommand[]> =>
  (await LOADERS[protocol]()).commands ?? [];

const HOUR_MS = 60 * 60 * 1000;

/** Options of `SmartRegistry.rebuildListings`. */
export interface IRebuildOptions {
  /** default: all that are enabled */
  protocols?: TRegistryProtocol[];
  /** called from time to time with the number of documents that were read so far */
  progress?(protocol: TRegistryProtocol, documents: number): void;
}

const isKnown = ({ target, path }: IFoundMount<BaseRegistry>): boolean => target.routeTable.knows(path);

/** Builds the services from the configuration, mounts the registries, and passes each request to one of them. */
export class SmartRegistry {
  /** the configured logger; the default of the hosts around this registry */
  public readonly logger: ILogger;
  private readonly registries = new Map<TRegistryProtocol, BaseRegistry>();
  private readonly mounts = new MountTable<BaseRegistry>();
  private readonly cors: Cors | undefined;
  private services: IRegistryServices | undefined;
  private housekeeper: Housekeeper | undefined;
  private starting: Promise<void> | undefined;
  private state: 'new' | 'ready' | 'destroyed' = 'new';

  /** Throws a `ConfigError` that names the field if the configuration cannot work. */
  constructor(private readonly config: IRegistryConfig) {
    checkConfig(config);
    this.logger = loggerOf(config.logger);
    this.cors = config.cors && new Cors(config.cors);
  }

  /** Opens the storage and starts every enabled protocol. It may be called again. */
  public init(): Promise<void> {
    if (this.state === 'destroyed') return Promise.reject(new Error('This SmartRegistry was destroyed'));
    this.starting ??= this.start().catch((error: unknown) => {
      this.starting = undefined;
      throw explained(error, this.config.storage);
    });
    return this.starting;
  }

  /**
   * Answers one HTTP request. It never rejects for anything a request can cause; it throws only before `init()` and
   * after `destroy()`.
   */
  public async handleRequest(incoming: IIncomingContext): Promise<IResponse> {
    if (this.state !== 'ready') throw this.notReady();
    const context = plainContext(incoming);
    const response = this.cors?.preflight(context) ?? (await this.dispatch(context)) ?? (await this.refuse(context));
    this.cors?.open(context, response);
    return response;
  }

  /**
   * Whether a request for this raw path is for the registry; if not, a host can pass it to the rest of its application.
   * @param prefix the part that the host has removed before `path`
   */
  public handles(path: string, prefix = ''): boolean {
    return this.find(path, prefix) !== undefined;
  }

  /** Splits a complete raw path at a protocol's mount. Undefined if it contains no mount. */
  public locate(path: string): { prefix: string; path: string } | undefined {
    const whole = normalizePath(path);
    const found = this.mounts.find(whole, 0, whole.length, isKnown);
    return found && { prefix: found.prefix, path: whole.slice(found.prefix.length) };
  }

  /** The storage that all protocols share. @throws Error before `init()` and after `destroy()` */
  public getStorage(): RegistryStorage {
    return this.ready().storage;
  }

  /** Users, tokens and rights. @throws Error before `init()` and after `destroy()` */
  public getAuthManager(): AuthManager {
    return this.ready().auth;
  }

  /** The handler of an enabled protocol; undefined for one that is not enabled. */
  public getRegistry(protocol: TRegistryProtocol): BaseRegistry | undefined {
    return this.registries.get(protocol);
  }

  /** The enabled protocols. */
  public protocols(): TRegistryProtocol[] {
    return [...this.registries.keys()];
  }

  /**
   * How to configure clients for each enabled protocol.
   * @param origin the public URL of this host, for protocols without a `registryUrl`
   */
  public clientSetups(origin: string): IClientSetup[] {
    return [...this.registries.values()].map((registry) => {
      const url = registry.urlAt(origin);
      return { protocol: registry.protocol, url, lines: registry.clientSetup(url), mounts: registry.mounts() };
    });
  }

  /**
   * Rebuilds the listings of all packages from the packages' documents, for these protocols or (default) for all. Other
   * replicas use the new listings afterwards; requests are served meanwhile. A listing that is lost or damaged is
   * rebuilt without this call. Returns the number of documents for each protocol with listings.
   */
  public async rebuildListings(options: IRebuildOptions = {}): Promise<Map<TRegistryProtocol, number>> {
    const { protocols = this.protocols(), progress } = options;
    this.ready();
    const counts = new Map<TRegistryProtocol, number>();
    for (const protocol of protocols) {
      const registry = this.registries.get(protocol);
      if (!registry) throw new RegistryError('invalid', `The protocol "${protocol}" is not enabled`);
      for (const listing of registry.listings()) {
        counts.set(protocol, await listing.rebuild((documents) => progress?.(protocol, documents)));
      }
    }
    return counts;
  }

  /** Whether `init()` has succeeded and `destroy()` was not called. */
  public isInitialized(): boolean {
    return this.state === 'ready';
  }

  /** Whether X-Forwarded-* headers are trusted; hosts use the same setting. */
  public get trustProxy(): boolean {
    return this.config.trustProxy ?? false;
  }

  /** Resolves true if the storage responds. */
  public async checkHealth(): Promise<boolean> {
    if (this.state !== 'ready') return false;
    try {
      await this.ready().storage.store.head('health');
      return true;
    } catch (error) {
      this.logger.warn('The storage does not answer', { cause: RegistryError.from(error).message });
      return false;
    }
  }

  /**
   * Removes objects that nothing names any more, protocol by protocol, while requests are served; a daily chore does
   * the same. With `dryRun` it only counts. If `signal` aborts, it rejects with the reason of the signal, and the next
   * run removes the rest.
   */
  public async collectGarbage(options: IGarbageOptions = {}): Promise<IGarbageReport[]> {
    this.ready();
    const reports: IGarbageReport[] = [];
    for (const registry of this.registries.values()) reports.push(await registry.collectGarbage(options));
    return reports;
  }

  /** Releases everything; the object cannot be used again. */
  public async destroy(): Promise<void> {
    if (this.state === 'destroyed') return;
    await this.starting?.catch(() => undefined); // init()'s caller has that error already
    this.state = 'destroyed';
    await this.release();
  }

  private async start(): Promise<void> {
    const { config, logger } = this;
    for (const advice of configAdvice(config)) logger.warn(advice);
    if (config.upstreamProvider)
      logger.warn('config.upstreamProvider is not asked: this release has no upstream layer yet');
    const limits = { ...DEFAULT_LIMITS, ...config.limits };
    const store = await openStore(config.storage, logger);
    const storage = new RegistryStorage(store, { hooks: config.storageHooks, logger, limits });
    const auth = new AuthManager(config.auth, { storage, provider: config.authProvider, logger });
    const renders = new RenderCache(limits.metadataCacheSize);
    const answers = new AnswerCache(store, renders);
    this.services = { storage, auth, logger, limits, renders, answers, trustProxy: config.trustProxy ?? false };
    try {
      await storage.init();
      this.housekeeper = new Housekeeper(logger, new ChoreRecords(storage));
      await auth.init();
      await this.startRegistries(this.services);
      this.keepHouse(this.housekeeper, storage, auth);
      this.state = 'ready';
    } catch (error) {
      await this.release();
      throw error;
    }
  }

  private keepHouse(housekeeper: Housekeeper, storage: RegistryStorage, auth: AuthManager): void {
    housekeeper.add({
      name: 'Sweeping unfinished uploads',
      everyMs: HOUR_MS,
      work: ({ signal }) => storage.sweep({ signal }),
    });
    housekeeper.add({
      name: 'Sweeping expired tokens',
      everyMs: 24 * HOUR_MS,
      perProcess: this.config.auth.tokenStore === 'memory',
      work: async () => ({ expired: await auth.sweep() }),
    });
    housekeeper.add({
      name: 'Sweeping artifacts that no document names',
      everyMs: 24 * HOUR_MS,
      work: async ({ signal }) => {
        let orphans = 0;
        for (const registry of this.registries.values()) {
          signal.throwIfAborted();
          orphans += await registry.sweepOrphans({ signal });
        }
        return { orphans };
      },
    });
    for (const registry of this.registries.values()) {
      // two registries may have a chore of the same name; each needs a record of its own
      for (const chore of registry.chores()) housekeeper.add({ ...chore, name: `${registry.protocol}: ${chore.name}` });
    }
  }

  private async startRegistries(services: IRegistryServices): Promise<void> {
    const { config } = this;
    const started: BaseRegistry[] = [];
    for (const protocol of PROTOCOLS) {
      const settings = config[protocol];
      if (!settings?.enabled) continue;
      started.push(new (await LOADERS[protocol]())(services, settings));
    }
    for (const { create, ...settings } of config.registries ?? []) {
      if (settings.enabled !== false) started.push(create(services, { ...settings, enabled: true }));
    }
    for (const registry of started) await this.mount(registry);
  }

  private find(path: string, prefix: string): IFoundMount<BaseRegistry> | undefined {
    const before = prefix.replace(/\/+$/, '');
    return this.mounts.find(before + normalizePath(path), before.length, before.length, isKnown);
  }

  private async dispatch(context: IRequestContext): Promise<IResponse | undefined> {
    const { path, prefix = '' } = context;
    const found = this.find(path, prefix);
    return found?.target.handle(context, found.prefix + found.home, found.path);
  }

  /** The answer to a path below no mount. */
  private refuse({ method, prefix = '', trace }: IRequestContext): Promise<IResponse> {
    const isLegible = isPrefix(prefix.replace(/\/+$/, ''));
    const [status, error]: [number, string] = isLegible
      ? [404, 'No registry is mounted at this path']
      : [400, 'The prefix of the request is not a path that can be a part of links'];
    if (trace) trace.refusal = error;
    return withoutForbiddenBody(withProtection(respond(status, { error })), method.toUpperCase());
  }

  private async mount(registry: BaseRegistry): Promise<void> {
    const { protocol } = registry;
    if (this.registries.has(protocol))
      throw new ConfigError('registries', `has two entries for protocol "${protocol}"`);
    for (const { prefix, alias } of registry.mountPoints()) {
      const taken = this.mounts.add(prefix, registry, alias);
      if (taken) throw new ConfigError(`${protocol}.basePath`, `"${prefix || '/'}" is taken by ${taken.protocol}`);
    }
    this.registries.set(protocol, registry);
    await registry.init();
  }

  private async release(): Promise<void> {
    await this.housekeeper?.stop();
    for (const registry of this.registries.values()) await registry.destroy();
    this.registries.clear();
    this.mounts.clear();
    await this.services?.auth.destroy();
    await this.services?.storage.destroy();
  }

  private ready(): IRegistryServices {
    if (!this.services || this.state !== 'ready') throw this.notReady();
    return this.services;
  }

  private notReady(): Error {
    return new Error(
      this.state === 'destroyed' ? 'This SmartRegistry was destroyed' : 'Call init() before using SmartRegistry',
    );
  }
}
