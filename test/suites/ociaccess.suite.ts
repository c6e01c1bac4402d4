import type { Test } from 'tap';
import { digestOf, type IPushable, pushableImage } from '../support/oci/images.js';
import { OciProbe } from '../support/oci/probe.js';
import type { TOciServer } from '../support/oci/server.js';

/** Everything by which a caller might learn of an image: what it asks, as whom it does not matter. */
const looks = (repository: string, { top, images }: IPushable): [method: string, path: string, range?: string][] => {
  const layer = images[0]!.layers[0]!.digest;
  return [
    ['HEAD', `/v2/${repository}/blobs/${layer}`],
    ['GET', `/v2/${repository}/blobs/${layer}`],
    ['GET', `/v2/${repository}/blobs/${layer}`, 'bytes=0-9'],
    ['HEAD', `/v2/${repository}/manifests/${top.digest}`],
    ['GET', `/v2/${repository}/manifests/${top.digest}`],
  ];
};

/**
 * The same blob in a public and a private repository, and one in the private repository only: what is not one's own is
 * never seen, neither by its name nor through another repository.
 */
export const accessSuite = (t: Test, server: TOciServer, label: string): void => {
  const admin = new OciProbe(server.origin, server.admin);
  const nobody = new OciProbe(server.origin);
  const [open, closed] = ['public/access/image', 'private/access/image'];

  t.test(`what is private stays private, ${label}`, async (t) => {
    const shared = await pushableImage({ name: 'shared' });
    const secret = await pushableImage({ name: 'secret' });
    await admin.push(open, 'shared', shared);
    await admin.push(closed, 'shared', shared);
    await admin.push(closed, 'secret', secret);
    const status = async (probe: OciProbe, [method, path, range]: ReturnType<typeof looks>[number]) =>
      (await probe.request(path, { method, headers: range ? { range } : {} })).status;

    for (const look of looks(open, shared)) {
      t.equal(await status(nobody, look), look[2] ? 206 : 200, `anybody sees what is public: ${look.join(' ')}`);
    }
    for (const look of [...looks(closed, shared), ...looks(closed, secret)]) {
      t.equal(await status(nobody, look), 401, `nobody without a password: ${look.join(' ')}`);
    }
    for (const look of looks(open, secret)) {
      t.equal(await status(nobody, look), 404, `not through another repository: ${look.join(' ')}`);
      t.equal(await status(admin, look), 404, `whoever asks: ${look.join(' ')}`);
    }
    const referrers = await nobody.request(`/v2/${closed}/referrers/${secret.top.digest}`);
    t.equal(referrers.status, 401, 'nor what refers to it');
    const tags = await nobody.request(`/v2/${closed}/tags/list`);
    t.equal(tags.status, 401, 'nor its tags');
    const catalog = await nobody.request('/v2/_catalog');
    t.notMatch(catalog.bytes.toString(), closed, 'nor its name');
  });

  t.test(`a mount wants to read what it takes, ${label}`, async (t) => {
    const secret = await pushableImage({ name: 'secret' });
    const layer = secret.images[0]!.layers[0]!.digest;
    const mount = (to: string, from?: string) =>
      `/v2/${to}/blobs/uploads/?mount=${layer}${from ? `&from=${encodeURIComponent(from)}` : ''}`;
    t.equal((await nobody.request(mount(open, closed), { method: 'POST' })).status, 401, 'not without a password');
    const mounted = await admin.request(mount('team/access/mounted', closed), { method: 'POST' });
    t.equal(mounted.status, 201, 'whoever may read it gets it', { answer: mounted.bytes.toString() });
    t.equal(digestOf((await admin.blob('team/access/mounted', layer)).bytes), layer, 'with its bytes');
    const absent = await admin.request(mount('team/access/other', 'team/access/nothing'), { method: 'POST' });
    t.equal(absent.status, 202, 'where it is not, an upload begins');
    t.equal((await admin.blob('team/access/other', layer)).status, 404, 'and nothing is there yet');
  });
};
