// `pnpm run bench npm|oci|maven|cargo|composer|pypi|rubygems|listing|growth [--quick] [--only WORD] …`: measures a protocol beside a well-known registry on the same machine, or what many packages cost.
const [name = 'npm', ...args] = process.argv.slice(2);
const benches: Record<string, () => Promise<{ bench(args: string[]): Promise<void> }>> = {
  npm: () => import('./bench.npm.js'),
  oci: () => import('./bench.oci.js'),
  maven: () => import('./bench.maven.js'),
  pypi: () => import('./bench.pypi.js'),
  listing: () => import('./bench.listing.js'),
  growth: () => import('./bench.growth.js'),
};
// a protocol of packages beside a bare server; `npm-bare` is npm's row of the same table
for (const protocol of ['cargo', 'composer', 'rubygems', 'npm-bare']) {
  benches[protocol] ??= async () => {
    const { protocolBench } = await import('./protocolbench.js');
    return { bench: (given) => protocolBench(protocol.replace('-bare', ''), given) };
  };
}
const chosen = benches[name];
if (!chosen) {
  console.error(`no benchmark for "${name}"; there is: ${Object.keys(benches).join(', ')}`);
  process.exit(2);
}
await (await chosen()).bench(args);
process.exit();
