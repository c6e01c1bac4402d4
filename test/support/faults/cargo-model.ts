import { sha256 } from '../cargo/crates.js';
import { cargoDescription } from '../cargo/description.js';
import { CRATE, TWIN } from './cargo-operations.js';
import { ABSENT } from './history.js';
import type { IProtocolModel } from './interfaces.js';
import { packageModel } from './package-model.js';
import type { Replica } from './replica.js';

interface ILine {
  name: string;
  vers: string;
  cksum: string;
  yanked: boolean;
}

const PATHS: Record<string, string> = { [CRATE]: 'my/-c/my-crate', [TWIN]: 'my/_c/my_crate' };

const read = async (by: Replica, name: string): Promise<ILine[] | string> => {
  const { status, text } = await by.get(`/cargo/${PATHS[name]}`);
  if (status === 404) return [];
  if (status !== 200) return `broken: index ${status} ${text.slice(0, 100)}`;
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ILine);
};

/** sha256 of the version's bytes as they are served. */
const download = async (by: Replica, { name, vers, cksum }: ILine): Promise<string> => {
  const { status, bytes } = await by.get(`/cargo/api/v1/crates/${name}/${vers}/download`);
  if (status !== 200) return `broken: listed, but its crate is ${status}`;
  return sha256(bytes) === cksum ? cksum : 'broken: its crate has other bytes';
};

const shared = packageModel(cargoDescription, { isDocument: (key) => key.startsWith('cargo/index/') });

/** The shared model with two names that exclude each other, and with yanks. */
export const cargoModel: IProtocolModel = {
  ...shared,

  async observe(by, thing) {
    const [, name, kind, version] = /^cargo:([^@!]+)([@!])(.+)$/.exec(thing) as unknown as string[];
    const lines = await read(by, name as string);
    if (typeof lines === 'string') return lines;
    const line = lines.find(({ vers }) => vers === version);
    if (!line) return ABSENT;
    return kind === '@' ? download(by, line) : line.yanked ? 'yes' : 'no';
  },

  async contradictions(by, world) {
    const found: string[] = [];
    const all = await Promise.all([CRATE, TWIN].map((name) => read(by, name)));
    for (const lines of all) {
      if (typeof lines === 'string') return [lines];
      for (const line of lines) {
        const seen = await download(by, line);
        if (seen.startsWith('broken')) found.push(`${line.name} ${line.vers} is ${seen}`);
      }
      if (new Set(lines.map(({ vers }) => vers)).size < lines.length) found.push('a version has two lines');
    }
    for (const thing of world.history.things('cargo:').filter((one) => one.includes('@'))) {
      if (world.history.doubles(thing).length > 0) found.push(`${thing} was acknowledged with different bytes`);
    }
    if (all.every((lines) => lines.length > 0)) found.push('two crates of similar names exist');
    return found;
  },

  async lagging(by) {
    const { status, text } = await by.get('/cargo/api/v1/crates?q=my-crate');
    if (status !== 200) return [`search is ${status} ${text.slice(0, 100)}`];
    const { crates } = JSON.parse(text) as { crates: { name: string; max_version: string }[] };
    const found: string[] = [];
    for (const name of [CRATE, TWIN]) {
      const lines = (await read(by, name)) as ILine[];
      const offered = lines.filter(({ yanked }) => !yanked).map(({ vers }) => vers);
      const highest =
        offered.length > 0
          ? offered.sort().at(-1)
          : lines
              .map(({ vers }) => vers)
              .sort()
              .at(-1);
      const hit = crates.find((crate) => crate.name === name)?.max_version;
      if (hit !== highest) found.push(`search has ${name} ${hit}, the index ${highest}`);
    }
    return found;
  },
};
