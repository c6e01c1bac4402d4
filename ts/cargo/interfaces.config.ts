import type { IProtocolConfig } from '../core/interfaces.core.js';

/** The `cargo` block of the configuration. */
export interface ICargoConfig extends IProtocolConfig {
  /**
   * The URL of the index that cargo uses by default, or `self` if clients use this registry instead of it. Crates that
   * are imported need it if they have dependencies that name no registry: a crate file does not say where these are.
   */
  defaultIndex?: string | undefined;
}
