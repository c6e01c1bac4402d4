import { RegistryError } from '../../core/classes.registryerror.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import type { INpmParts } from '../interfaces.parts.js';

const NONE = { info: 0, low: 0, moderate: 0, high: 0, critical: 0 };

/**
 * Without advisories of its own the registry says so: `npm audit` reports that it could not be done, `npm install` goes
 * on. `features.emptyAudit` answers "nothing found" instead, for those whose builds must not fail over it.
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
