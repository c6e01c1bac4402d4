import t from 'tap';
import { fails, succeeds } from '../support/client/outcomes.js';
import { openStation, pushedImage, writeDockerConfig } from '../support/oci/station.js';

t.test('cosign: signatures and attestations, by fallback tags and by referrers', async (t) => {
  const station = await openStation(t, 'cosign');
  if (!station) return;
  const { home, host, server, probe } = station;
  const image = await pushedImage(station, 'team/app', 'v1');
  const other = await pushedImage(station, 'team/app', 'v2');
  const reference = `${host}/team/app@${image.top.digest}`;
  const cosign = (...args: string[]) =>
    station.run([...station.program('cosign'), ...args], { env: { COSIGN_PASSWORD: '', COSIGN_EXPERIMENTAL: '1' } });
  succeeds(t, await cosign('generate-key-pair'));
  const sign = ['sign', '--key', 'cosign.key', '--tlog-upload=false', '--allow-http-registry', '--yes'];
  const verify = ['verify', '--key', 'cosign.pub', '--insecure-ignore-tlog', '--allow-http-registry'];
  fails(t, await cosign(...sign, reference), /401|UNAUTHORIZED/i);
  await writeDockerConfig(station, server.admin);
  fails(t, await cosign(...verify, reference), /no signatures|no matching signatures/i);
  succeeds(t, await cosign(...sign, reference));
  succeeds(t, await cosign(...verify, reference), new RegExp(image.top.digest));
  t.match(
    await probe.tags('team/app'),
    [/^sha256-[0-9a-f]{64}\.sig$/, 'v1', 'v2'],
    'the signature has a tag of its own',
  );
  const predicate = await home.write('work/predicate.json', '{"a":1}');
  const attest = ['attest', '--predicate', predicate, '--type', 'custom', ...sign.slice(1)];
  succeeds(t, await cosign(...attest, reference));
  succeeds(t, await cosign('verify-attestation', '--type', 'custom', ...verify.slice(1), reference));

  const byReferrers = `${host}/team/app@${other.top.digest}`;
  const mode = '--registry-referrers-mode=oci-1-1';
  succeeds(t, await cosign(...sign, mode, byReferrers));
  const listed = await probe.request(`/v2/team/app/referrers/${other.top.digest}`);
  t.equal((JSON.parse(listed.bytes.toString()) as { manifests: unknown[] }).manifests.length, 1, 'one referrer');
  succeeds(t, await cosign(...verify, '--experimental-oci11', byReferrers), new RegExp(other.top.digest));
});
