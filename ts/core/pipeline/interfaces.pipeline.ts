import type { AuthManager } from '../classes.authmanager.js';
import type { RegistryStorage } from '../classes.registrystorage.js';
import type { ILimits, ILogger, IProtocolConfig, IRequestContext, TRegistryProtocol } from '../interfaces.core.js';
import type { AnswerCache } from './serving/classes.answercache.js';
import type { RenderCache } from './serving/classes.rendercache.js';

/** What every registry is given. */
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
 * What a caller must be allowed to do before a handler runs.
 *
 * - `public`: credentials are not even looked at.
 * - `identified`: any valid credential, also one that stands for nobody (the token of an anonymous OCI client).
 * - `authenticated`: any valid credential of somebody.
 * - `{ type, action, name }`: the right to `action` on `{protocol}:{type}:{name}`; `name` is a path parameter or a
 *   function that yields the normalised name that is stored.
 * - `{ type, action, late }`: the name is in the body. Before the body is read the caller must hold some scope of that
 *   type and action; the handler calls `call.authorize(name)` before it touches anything but staging.
 * - `{ type, listing }`: open to callers that hold some scope of that type (action `read` unless given), and the
 *   handler filters every item by the caller's right.
 */
export type TAccess =
  | 'public'
  | 'identified'
  | 'authenticated'
  | INamedAccess
  | { type: string; action: string; late: true }
  | { type: string; listing: true; action?: string };

export interface INamedAccess {
  type: string;
  action: string;
  name: string | ((params: TParams) => string);
}

/** Path parameters by name, percent-decoded once and checked. */
export type TParams = Record<string, string>;

/** What a call is made from. */
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
}
