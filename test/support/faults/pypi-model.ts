import { type ISimplePage, JSON_TYPE } from '../pypi/actors.js';
import { hex } from '../pypi/distributions.js';
import { ABSENT } from './history.js';
import type { IProtocolModel } from './interfaces.js';
import { unnamedKeys } from './package-model.js';
import { ATTESTED, OFFERED, PROJECT, STATUS } from './pypi-operations.js';
import type { Replica } from './replica.js';

type TFile = ISimplePage['files'][number];

const read = async (by: Replica): Promise<ISimplePage | null | string> => {
  const { status, text } = await by.get(`/simple/${PROJECT}/`, { accept: JSON_TYPE });
  if (status === 404) return null;
  return status === 200 ? (JSON.parse(text) as ISimplePage) : `broken: the page is ${status} ${text.slice(0, 100)}`;
};

/** sha256 of the file as it is served. */
const download = async (by: Replica, file: TFile): Promise<string> => {
  const path = new URL(file.url).pathname;
  const { status, bytes } = await by.get(path);
  if (status !== 200) return `broken: listed, but the file is ${status}`;
  const metadata = await by.get(`${path}.metadata`);
  const announced = file['core-metadata'];
  if (metadata.status !== 200) return `broken: its metadata are announced, and are ${metadata.status}`;
  if (typeof announced === 'object' && announced.sha256 !== hex('sha256', metadata.bytes)) {
    return 'broken: its metadata have other bytes';
  }
  const sha256 = hex('sha256', bytes);
  return sha256 === file.hashes.sha256 ? sha256 : 'broken: it has other bytes';
};

/** Whether the attestations of the file can be had. */
const provenance = async (by: Replica, { filename }: TFile): Promise<string> => {
  const [, version] = filename.split('-');
  const { status, text } = await by.get(`/pypi/integrity/${PROJECT}/${version}/${filename}/provenance`);
  if (status === 404) return ABSENT;
  return status === 200 && text.includes('"attestations"')
    ? ATTESTED
    : `broken: the attestations are ${status} ${text}`;
};

export const pypiModel: IProtocolModel = {
  protocol: 'pypi',

  async observe(by, thing) {
    const page = await read(by);
    if (page === null) return ABSENT;
    if (typeof page === 'string') return page;
    if (thing === STATUS) return page['project-status']?.status ?? ABSENT;
    const file = page.files.find(({ filename }) => thing.endsWith(filename));
    if (!file) return ABSENT;
    if (thing.includes('@')) return download(by, file);
    if (thing.includes('^')) return provenance(by, file);
    return file.yanked === false ? OFFERED : String(file.yanked);
  },

  async contradictions(by) {
    const page = await read(by);
    if (page === null) return [];
    if (typeof page === 'string') return [page];
    const found: string[] = [];
    for (const file of page.files) {
      const seen = await download(by, file);
      if (seen.startsWith('broken')) found.push(`${file.filename} is ${seen}`);
    }
    const json = await by.get(`/pypi/${PROJECT}/json`);
    if (json.status !== 200) found.push(`the page is there, and the JSON API says ${json.status}`);
    if (page.files.length === 0) found.push('a project without a file is served');
    return found;
  },

  async lagging(by) {
    const page = await read(by);
    const { status, text } = await by.get('/simple/', { accept: JSON_TYPE });
    if (status !== 200) return [`the list of projects is ${status} ${text.slice(0, 100)}`];
    const { projects } = JSON.parse(text) as { projects: { name: string }[] };
    const isListed = projects.some(({ name }) => name === PROJECT);
    return isListed === (page !== null) ? [] : [`the project is ${isListed ? '' : 'not '}listed`];
  },

  leftovers: (_world, store) => unnamedKeys(store, 'pypi', (key) => key.startsWith('pypi/metadata/')),
};
