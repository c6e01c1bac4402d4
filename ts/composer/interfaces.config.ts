import type { IProtocolConfig } from '../core/interfaces.core.js';

/** The `composer` block of the configuration. */
export interface IComposerConfig extends IProtocolConfig {
  /**
   * Names of the filter lists that `packages.json` announces to Composer 2.10 and later; default `['malware']`, which
   * these clients obey without any setting. A list of another name takes effect if a client configures a policy for it.
   * No client looks at a list that is not announced.
   */
  filterLists?: string[] | undefined;
  /** a text that Composer prints as a warning with every command that uses this registry */
  warning?: string | undefined;
  /** the same as information */
  info?: string | undefined;
}
