/** A test checks that it agrees with package.json. */
export const commitinfo = {
  name: '@push.rocks/smartregistry',
  version: '0.6.0',
  description:
    'An embeddable package registry: OCI, npm, Maven, Cargo, Composer, PyPI and RubyGems on one bucket, for Node, Deno and Bun.',
};
