import { RegistryError } from '../../core/classes.registryerror.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import type { INpmParts } from '../interfaces.parts.js';

const NONE = { info: 0, low: 0, moderate: 0, high: 0, critical: 0 };

/**
 * Throws `notFound`, because the registry has no advisories: `npm audit` then reports that it could not audit, and `npm
 * install` continues. With `features.emptyAudit` the answer is "nothing found" instead, for users whose builds must not
 * fail.
 */
const requireEmptyAudit = async (call: RegistryCall, npm: INpmParts): Promise<void> => {
  if (!npm.config.features?.emptyAudit) {
    throw new RegistryError('notFound', 'This registry has no security advisories to audit against');
  }
  await call.body.json();
};

/** POST /-/npm/v1/security/advisories/bulk. */
export const auditBulk = async (call: RegistryCall, npm: INpmParts): Promise<object> => {
  await requireEmptyAudit(call, npm);
  return {};
};

/** POST /-/npm/v1/security/audits and …/audits/quick, the older form. */
export const auditTree = async (call: RegistryCall, npm: INpmParts): Promise<object> => {
  await requireEmptyAudit(call, npm);
  return {
    actions: [],
    advisories: {},
    muted: [],
    metadata: {
      vulnerabilities: NONE,
      dependencies: 0,
      devDependencies: 0,
      optionalDependencies: 0,
      totalDependencies: 0,
    },
  };
};
