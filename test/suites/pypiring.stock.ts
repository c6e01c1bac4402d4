import type { Test } from 'tap';
import { succeeds } from '../support/client/outcomes.js';
import { ringSdist, ringWheel } from '../support/pypi/ring/packages.js';
import type { IPypiServer } from '../support/pypi/ring/station.js';

/**
 * What every installer is tried with:
 * - `Open.Demo_pkg` 1.0, 1.1, 2.0 (yanked), 2.1rc1 (a pre-release); needs open-leaf
 * - `open-leaf` 1.0, and 1.1 that only a Python of the future can use
 * - `open-local` 1.0 and 1.0+build.5; `open-epoch` 2024.1 and 1!1.0; `open-source` 1.0, a source distribution only
 * - `secret-demo` 1.0, which only the administrator may see; needs open-leaf
 */
export const stockIndex = async (t: Test, server: IPypiServer): Promise<void> => {
  const demo = (version: string) =>
    ringWheel({ name: 'Open.Demo_pkg', version, fields: ['Requires-Dist: open-leaf>=1.0'] });
  await server.stock(
    demo('1.0'),
    demo('1.1'),
    demo('2.0'),
    demo('2.1rc1'),
    ringWheel({ name: 'open-leaf', version: '1.0' }),
    ringWheel({ name: 'open-leaf', version: '1.1', fields: ['Requires-Python: >=3.99'] }),
    ringWheel({ name: 'open-local', version: '1.0' }),
    ringWheel({ name: 'open-local', version: '1.0+build.5' }),
    ringWheel({ name: 'open-epoch', version: '2024.1' }),
    ringWheel({ name: 'open-epoch', version: '1!1.0' }),
    ringSdist({ name: 'open-source', version: '1.0' }),
    ringWheel({ name: 'secret-demo', version: '1.0', fields: ['Requires-Dist: open-leaf'] }),
  );
  succeeds(t, await server.command('pypi', 'yank', 'open-demo-pkg', '2.0', '--reason', 'broken "by" <us>'), /yanked/);
};
