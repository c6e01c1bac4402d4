import { isOperator, operatorToken } from './auth/helpers.operator.js';
import { otherProtocolIn } from './auth/helpers.tokens.js';
import type { TPresentedCredential } from './auth/interfaces.auth.js';
import type { IChore } from './base/classes.housekeeper.js';
import { RegistryError } from './classes.registryerror.js';
import type { ISweepOptions } from './classes.registrystorage.js';
import type { ICommandInput } from './interfaces.commands.js';
import type { IProtocolConfig, IRequestContext, IResponse, TRegistryProtocol } from './interfaces.core.js';
import type { IRebuildable } from './listing/interfaces.listing.js';
import type { IMountAlias } from './pipeline/classes.mounttable.js';
import { RegistryCall } from './pipeline/classes.registrycall.js';
import { answerNameOf, failureOf, loggedPath, nameOf, neededFor, noteCaller } from './pipeline/helpers.calls.js';
import { parseAuthorization, respond, toResponse, withoutForbiddenBody } from './pipeline/helpers.http.js';
import { withProtection } from './pipeline/helpers.protection.js';
import { type IRoute, type IRouteMatch, RouteTable, type TTrailingSlash } from './pipeline/helpers.routes.js';
import type { IImporter, IOperatorRequest } from './pipeline/interfaces.importing.js';
import type { IRegistryServices, TAccess } from './pipeline/interfaces.pipeline.js';
import type { IGarbageOptions, IGarbageReport } from './storage/upkeep/interfaces.garbage.js';

/**
 * A protocol: a table of routes and a renderer of errors. The pipeline is here, once for all protocols: match,
 * authenticate, authorise, handle, render. Subclasses have rows and handlers and never override the pipeline.
 */
export abstract class BaseRegistry {
  public abstract readonly protocol: TRegistryProtocol;
  private table: RouteTable | undefined;

  constructor(
    protected readonly services: IRegistryServices,
    protected readonly config: IProtocolConfig,
  ) {}

  /** The route table; called once. */
  protected abstract routes(): IRoute[];

  /** An error in the protocol's own form. `call` is null where the request could not even be read. */
  protected abstract renderError(error: RegistryError, call: RegistryCall | null): IResponse;

  /** URL prefixes of this registry, each without a trailing slash; `''` is the root. */
  public mounts(): string[] {
    return [this.basePath];
  }

  /**
   * Further URL prefixes that lead to a folder of this registry: prefix -> folder below the first of `mounts()`. Links
   * begin with that mount.
   */
  public aliases(): Record<string, string> {
    return {};
  }

  /** @internal */
  public mountPoints(): { prefix: string; alias?: IMountAlias }[] {
    const mounts = this.mounts();
    const home = mounts[0] as string;
    const aliases = Object.entries(this.aliases()).map(([prefix, folder]) => ({ prefix, alias: { home, folder } }));
    return [...mounts.map((prefix) => ({ prefix })), ...aliases.filter(({ prefix }) => !mounts.includes(prefix))];
  }

  /** Instructions for a person, line by line, to configure a client for `url`, the public URL of this registry. */
  public clientSetup(_url: string): string[] {
    return [];
  }

  /**
   * Deletes artifacts that no document names: the remains of interrupted publishes. Runs once a day with the default
   * age of 24 hours, which spares publishes under way. Returns their number; see `RegistryStorage.sweepPackages`.
   */
  public async sweepOrphans(_options: ISweepOptions = {}): Promise<number> {
    return 0;
  }

  /**
   * Runs one of the commands that the class lists in its static member `commands`. Throws a `RegistryError` with a
   * sentence for the administrator.
   */
  public async runCommand(name: string, _input: ICommandInput): Promise<void> {
    throw new RegistryError('unsupported', `${this.protocol} has no command "${name}"`);
  }

  /** Listings that can be rebuilt from the documents; see `SmartRegistry.rebuildListings`. */
  public listings(): IRebuildable[] {
    return [];
  }

  /**
   * Removes objects that nothing names any more, and reports them. A protocol whose artifacts are named by documents
   * adds nothing to `sweepOrphans`.
   */
  public async collectGarbage(options: IGarbageOptions = {}): Promise<IGarbageReport> {
    if (options.dryRun) return { protocol: this.protocol, removed: {}, bytes: 0 };
    options.signal?.throwIfAborted();
    const orphans = await this.sweepOrphans({ olderThanMs: options.graceMs, signal: options.signal });
    return { protocol: this.protocol, removed: { orphans }, bytes: 0 };
  }

  /** Periodic work, beside the daily `sweepOrphans`. Each `work` gets a `signal`: see `IChore`. */
  public chores(): IChore[] {
    return [];
  }

  /** How `smartregistry import` uploads files; undefined if this protocol imports none. */
  public importer(): IImporter | undefined {
    return undefined;
  }

  /**
   * Runs a request of the registry's operator: through the same routes, checks and hooks as that of a client, with every
   * right. The caller must know that it acts for the operator.
   * @param by.userId the name that is recorded as the author
   * @throws RegistryError as the handler threw it
   */
  public async runAsOperator(request: IOperatorRequest, by: { userId: string; signal?: AbortSignal }): Promise<void> {
    const { method, path, headers = {}, query = {}, body } = request;
    const mount = this.mounts()[0] ?? '';
    // no answer leaves the process, so the host of its links does not matter
    const baseUrl = 'http://localhost';
    const context: IRequestContext = { method, path: mount + path, headers, query, body, baseUrl, signal: by.signal };
    const call = this.callOf(context, mount, path);
    call.token = operatorToken(by.userId);
    try {
      const response = await this.answer(call);
      await response.body?.cancel();
    } finally {
      await call.release();
    }
  }

  /** Called by `SmartRegistry.init()`, before the first request. */
  public async init(): Promise<void> {}

  /** Called by `SmartRegistry.destroy()`; frees what the protocol holds. */
  public async destroy(): Promise<void> {}

  public get basePath(): string {
    return (this.config.basePath ?? `/${this.protocol}`).replace(/\/+$/, '');
  }

  /** The public URL of this registry on a host with this origin. */
  public urlAt(origin: string): string {
    return this.config.registryUrl ?? `${origin.replace(/\/+$/, '')}${this.basePath}`;
  }

  /** @internal */
  public get routeTable(): RouteTable {
    this.table ??= new RouteTable(this.routes(), this.trailingSlash);
    return this.table;
  }

  /** The meaning of a trailing slash if no row has it; protocols whose paths are files return `notFound`. */
  protected get trailingSlash(): TTrailingSlash {
    return 'same';
  }

  /** Whether `call.linkTo` returns whole URLs, for protocols whose clients may not support paths. */
  protected get absoluteLinks(): boolean {
    return false;
  }

  /**
   * Whether a name that the caller may not read gets the answer of an absent name (404), for protocols whose clients
   * stop at 401 and 403 although their next repository has the package (pip, Composer, Maven). It concerns reads only,
   * and only callers that may read some other name of the type; a caller without any such right gets 401 or 403.
   * Handlers of such a protocol throw `call.absent()` if the name itself is absent, so that both answers are the same.
   */
  protected get hidesNames(): boolean {
    return false;
  }

  /**
   * Reads the credential of a request; null if there is none. Overridden if a protocol's clients send it differently.
   * It is also called before the route is known, for the answer cache: then without `call.params`.
   */
  protected credentials(call: RegistryCall): TPresentedCredential | null {
    if (call.context.token !== undefined) return { kind: 'token', token: call.context.token };
    return parseAuthorization(call.header('authorization'));
  }

  /** Headers of every answer of this protocol, including errors. */
  protected readonly answerHeaders: Readonly<Record<string, string>> = {};

  /** The value of WWW-Authenticate on a 401. */
  protected challenge(_call: RegistryCall): string {
    return `Basic realm="${this.protocol}"`;
  }

  /** Answers one request below `mount`; never rejects. */
  public async handle(context: IRequestContext, mount: string, path: string): Promise<IResponse> {
    let call: RegistryCall | null = null;
    let response: IResponse;
    try {
      call = this.callOf(context, mount, path);
      if (context.trace) context.trace.protocol = this.protocol;
      const repeated = this.repeat(call);
      if (repeated) return repeated;
      response = await this.answer(call);
    } catch (thrown) {
      response = this.failed(thrown, call);
    }
    response = withProtection(response);
    try {
      await call?.release();
      for (const [name, value] of Object.entries(this.answerHeaders)) response.headers[name] ??= value;
      if (call) this.remember(call, response);
      return await withoutForbiddenBody(response, context.method.toUpperCase());
    } catch (thrown) {
      return withProtection(this.failed(thrown, call));
    }
  }

  private callOf(context: IRequestContext, mount: string, path: string): RegistryCall {
    const { protocol, services, config, absoluteLinks, hidesNames } = this;
    return new RegistryCall({ protocol, services, config, context, mount, path, absoluteLinks, hidesNames });
  }

  private async answer(call: RegistryCall): Promise<IResponse> {
    const { route, params }: IRouteMatch = this.routeTable.match(call.method, call.path);
    call.params = params;
    call.access = route.access;
    call.route = route.path;
    await this.authorizeCall(call, route.access);
    return toResponse(await route.handle(call));
  }

  /** The cached answer to the same request of this caller, if it is still valid. */
  private repeat(call: RegistryCall): IResponse | undefined {
    const { answers, auth } = this.services;
    const caller = () => {
      const remembered = auth.remembered(this.presented(call), this.protocol);
      if (remembered) noteCaller(call, remembered);
      return remembered;
    };
    return answers.find(call.context, answerNameOf(call), caller);
  }

  private presented(call: RegistryCall): TPresentedCredential | null {
    const credential = call.readCredential(() => this.credentials(call));
    return credential?.kind === 'basic' ? { from: call.address, ...credential } : credential;
  }

  /** What to add if the secret itself says that it is of another protocol; nothing is looked up. */
  private otherProtocol(credential: TPresentedCredential | null): string {
    if (!credential) return '';
    const secret = credential.kind === 'token' ? credential.token : credential.password || credential.username;
    const other = otherProtocolIn(secret, this.protocol);
    return other === undefined ? '' : `: this is a token for ${other}, not for ${this.protocol}`;
  }

  private remember(call: RegistryCall, response: IResponse): void {
    const basis = call.basisOf(response);
    if (basis) this.services.answers.keep(answerNameOf(call), basis);
  }

  /**
   * Authentication, then authorisation, before anything is looked up: otherwise an outsider could find out what exists.
   */
  private async authorizeCall(call: RegistryCall, access: TAccess): Promise<void> {
    if (access === 'public') {
      call.audience = 'anybody';
      return;
    }
    await this.authenticateCall(call, access);
    if (access === 'identified' || access === 'authenticated') {
      const isKnown = access === 'identified' ? call.token : call.userId;
      if (!isKnown) throw new RegistryError('unauthenticated', 'Authentication is required');
    } else if ('name' in access) {
      await call.authorize(nameOf(access, call));
    } else {
      const action = access.action ?? 'read';
      if (await this.services.auth.holdsSome(call.token, this.protocol, access.type, action)) return;
      if (!call.userId) throw new RegistryError('unauthenticated', 'Authentication is required');
      if ('late' in access)
        throw new RegistryError('forbidden', `This token does not allow ${action} on any ${access.type}`);
    }
  }

  /** Sets `call.token` from the request's credential. Throws `unauthenticated` if the credential is not valid. */
  private async authenticateCall(call: RegistryCall, access: TAccess): Promise<void> {
    // set by `runAsOperator` alone
    if (isOperator(call.token)) return;
    const presented = this.presented(call);
    const caller = await this.services.auth.verify(presented, this.protocol);
    if (!caller) {
      call.isCredentialInvalid = true;
      const text = `The credentials are not valid${this.otherProtocol(presented)}`;
      throw new RegistryError('unauthenticated', text, { detail: neededFor(access, call) });
    }
    call.token = caller.token;
    call.audience = caller;
    noteCaller(call, caller);
  }

  private failed(thrown: unknown, call: RegistryCall | null): IResponse {
    const error = failureOf(thrown, call);
    const trace = call?.context.trace;
    if (trace) trace.refusal = error.message;
    if (error.status >= 500) {
      const { cause } = error;
      const fields = {
        id: trace?.id,
        protocol: this.protocol,
        method: call?.method,
        path: call && loggedPath(call),
        kind: error.kind,
      };
      this.services.logger.error(error.message, { ...fields, cause: cause instanceof Error ? cause.stack : cause });
    }
    const shown =
      error.kind === 'internal' ? new RegistryError('internal', 'The registry failed to answer this request') : error;
    try {
      const response = this.renderError(shown, call);
      const headers = { ...response.headers, ...shown.headers };
      if (shown.kind === 'unauthenticated' && call) headers['WWW-Authenticate'] ??= this.challenge(call);
      return { ...response, headers };
    } catch (cause) {
      this.services.logger.error('An error could not be rendered', { protocol: this.protocol, cause });
      return respond(shown.status, shown.message);
    }
  }
}
