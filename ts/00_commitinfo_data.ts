/** Kept in step with package.json by a test. */
export const commitinfo = {
  name: '@push.rocks/smartregistry',
  version: '0.3.0',
  description:
    'An embeddable package registry: OCI, npm, Maven, Cargo, Composer, PyPI and RubyGems on one bucket, for Node, Deno and Bun.',
};
