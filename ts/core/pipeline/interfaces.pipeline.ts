import type { AuthManager } from '../classes.authmanager.js';
import type { RegistryStorage } from '../classes.registrystorage.js';
import type { ILimits, ILogger, IProtocolConfig, IRequestContext, TRegistryProtocol } from '../interfaces.core.js';
import type { AnswerCache } from './serving/classes.answercache.js';
import type { RenderCache } from './serving/classes.rendercache.js';

/** The services that every registry gets. */
export interface IRegistryServices {
  storage: RegistryStorage;
  auth: AuthManager;
  logger: ILogger;
  limits: Required<ILimits>;
  renders: RenderCache;
  answers: AnswerCache;
  trustProxy: boolean;
}

/**
 * The right that a caller must have before a handler runs.
 *
 * - `public`: credentials are ignored.
 * - `identified`: any valid credential, even one without a user (the token of an anonymous OCI client).
 * - `authenticated`: any valid credential of a user.
 * - `{ type, action, name }`: the right to `action` on `{protocol}:{type}:{name}`; `name` is a path parameter, or a
 *   function that returns the normalised stored name.
 * - `{ type, action, late }`: the name is in the body. Before the body is read, the caller must have some scope of that
 *   type and action; the handler must call `call.authorize(name)` before it writes anything but staging.
 * - `{ type, listing }`: for callers that have some scope of that type (default action `read`); the handler filters
 *   every item by the caller's right.
 */
export type TAccess =
  | 'public'
  | 'identified'
  | 'authenticated'
  | INamedAccess
  | { type: string; action: string; late: true }
  | { type: string; listing: true; action?: string };

/** A right to one name: the caller needs the scope `{protocol}:{type}:{name}:{action}`. */
export interface INamedAccess {
  type: string;
  action: string;
  /** the parameter of the path that holds the name, or a function that makes the name of the parameters */
  name: string | ((params: TParams) => string);
}

/** Path parameters by name, percent-decoded once and checked. */
export type TParams = Record<string, string>;

/** The arguments of a call. */
export interface ICallOptions {
  protocol: TRegistryProtocol;
  services: IRegistryServices;
  config: IProtocolConfig;
  context: IRequestContext;
  /** the prefix under which the registry was reached, without a trailing slash */
  mount: string;
  /** the raw path inside the mount */
  path: string;
  /** links in headers are whole URLs */
  absoluteLinks?: boolean;
  /** names that the caller may not read are absent; see `BaseRegistry.hidesNames` */
  hidesNames?: boolean;
}
