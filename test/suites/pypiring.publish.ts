import type { Test } from 'tap';
import type { IWho } from '../support/client/base.js';
import { fails, succeeds } from '../support/client/outcomes.js';
import type { IRun } from '../support/client/run.js';
import { type IRingFile, ringSdist, ringWheel } from '../support/pypi/ring/packages.js';
import { type IPypiServer, type PypiStation, sha256 } from '../support/pypi/ring/station.js';

/** One tool that uploads. */
export interface IPublisher {
  station: PypiStation;
  server: IPypiServer;
  /** Uploads these files. `paths` are the same files on the disk. */
  publish(files: IRingFile[], paths: string[], who: IWho): Promise<IRun>;
  /** What the tool does with a file that is there already, with the same bytes; default: it is content. */
  again?: 'succeeds' | RegExp;
  /** what it prints when other bytes are refused; default: the answer's first words */
  changed?: RegExp;
  /** what it prints when the password is wrong */
  refused?: RegExp;
}

/** A wheel and a source distribution up, again, with other bytes, and with a wrong password. */
export const publishSteps = async (t: Test, publisher: IPublisher): Promise<void> => {
  const { station, server, again = 'succeeds' } = publisher;
  const about = { name: 'Open.Published_pkg', version: '1.0', fields: ['Requires-Python: >=3.8', 'Summary: a "test"'] };
  const files = [ringWheel(about), ringSdist(about)];
  const publish = async (what: IRingFile[], who = server.admin) =>
    publisher.publish(what, await station.dist(...what), who);
  const offered = () => server.offers('open-published-pkg');

  await t.test('a wrong password', async (t) => {
    fails(t, await publish(files, { ...server.admin, password: 'wrong' }), publisher.refused ?? /401|403/);
    t.equal((await offered()).size, 0, 'nothing is stored');
  });

  await t.test('a wheel and a source distribution', async (t) => {
    succeeds(t, await publish(files));
    const page = await offered();
    for (const { filename, bytes } of files) t.equal(page.get(filename)?.sha256, sha256(bytes), filename);
    t.equal(page.size, 2);
  });

  await t.test('the same files again', async (t) => {
    const result = await publish(files);
    if (again === 'succeeds') succeeds(t, result);
    else fails(t, result, again);
    t.equal((await offered()).size, 2);
  });

  await t.test('other bytes under the same name', async (t) => {
    fails(t, await publish([ringWheel({ ...about, note: 'other' })]), publisher.changed ?? /already exists/i);
    t.equal(
      (await offered()).get(files[0]!.filename)?.sha256,
      sha256(files[0]!.bytes),
      'the first bytes are still there',
    );
  });

  await t.test('local versions, epochs and pre-releases', async (t) => {
    for (const version of ['1.1+local.1', '1!0.1', '2.0rc1', '2.0.dev3', '2.0.post1']) {
      succeeds(t, await publish([ringWheel({ ...about, version })]));
    }
    t.equal((await offered()).size, 7);
  });
};
