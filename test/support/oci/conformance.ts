import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { XMLParser } from 'fast-xml-parser';
import type { IWho } from '../client/base.js';
import { run } from '../client/run.js';
import { findTool } from '../tools.js';

/** The specification's release, or what will be the next one. */
export type TSpecVersion = '1.1' | 'dev';

export interface IConformanceCase {
  /** Without the program's own name before it. */
  name: string;
  status: 'passed' | 'skipped' | 'failure' | 'error';
  /** Why it failed or was skipped, on one line. */
  reason: string;
}

export interface IConformanceRun {
  cases: IConformanceCase[];
  seconds: number;
  /** All that the program printed. */
  output: string;
}

interface IReport {
  testsuites: { testsuite: { testcase: { '@name': string; '@status': string; 'system-out'?: string }[] }[] };
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  htmlEntities: true,
  // The report quotes what the registry answered, line breaks and quotation marks by the thousand.
  processEntities: { enabled: true, maxTotalExpansions: Infinity, maxExpandedLength: Infinity },
  isArray: (name) => name === 'testcase' || name === 'testsuite',
});

const casesOf = (report: string): IConformanceCase[] =>
  (parser.parse(report) as IReport).testsuites.testsuite.flatMap(({ testcase }) =>
    testcase.map((one) => ({
      name: one['@name'].replace(/^OCI Conformance Test\//, ''),
      status: one['@status'] as IConformanceCase['status'],
      reason: (one['system-out'] ?? '').replace(/\s+/g, ' ').trim(),
    })),
  );

/** Runs the official conformance program against a registry; `null`, with the reason printed, where it is missing. */
export const runConformance = async (about: {
  /** `host:port`, with a path where the registry is not at the root. */
  registry: string;
  version: TSpecVersion;
  who: IWho;
  /**
   * `challenge`: the program is told name and password and fetches the tokens that it is asked for. `basic`: it sends
   * them with each request, as part of the address; it cannot answer challenges below a path (`could not extract repo
   * from path`, before it has sent anything).
   */
  credentials: 'challenge' | 'basic';
}): Promise<IConformanceRun | null> => {
  const tool = findTool('oci-conformance');
  if (!tool) {
    return null;
  }
  const { username, password } = about.who;
  const folder = await mkdtemp(join(tmpdir(), 'smartregistry-conformance-'));
  try {
    const began = performance.now();
    const { output } = await run(tool.command, {
      cwd: folder,
      timeoutMs: 240_000,
      env: {
        PATH: process.env.PATH ?? '',
        HOME: folder,
        OCI_VERSION: about.version,
        OCI_TLS: 'disabled',
        ...(about.credentials === 'challenge'
          ? { OCI_REGISTRY: about.registry, OCI_USERNAME: username, OCI_PASSWORD: password }
          : { OCI_REGISTRY: `${encodeURIComponent(username)}:${encodeURIComponent(password)}@${about.registry}` }),
        OCI_RESULTS_DIR: folder,
        OCI_LOG: 'error',
      },
    });
    const seconds = (performance.now() - began) / 1000;
    const report = await readFile(join(folder, 'junit.xml'), 'utf8').catch(() => {
      throw new Error(`the conformance program wrote no report:\n${output}`);
    });
    return { cases: casesOf(report), seconds, output };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
