/**
 * `danced check`: is the configuration right, and is all there that it needs? What is wrong is said with its place in
 * the file and with what would be right.
 *
 * Exit codes: 0 all is well (warnings included), 1 something was tried and failed, 2 the configuration is wrong.
 *
 * Limitations: nothing is changed and no client is tried. A danced that runs already holds its own ports: they are
 * reported as in use.
 */
import type { Command } from 'commander';
import { ConfigError } from '../../core/config/errors.ts';
import { printableText } from '../../core/observe/printable.ts';
import { tlsFeatures, type TlsFeatures } from '../../core/tls/native/native.ts';
import { checkAgents } from '../check/agent.ts';
import { checkAccess } from '../check/access.ts';
import { findingOf, formatFinding, type Finding } from '../check/finding.ts';
import { checkIdentity } from '../check/identity.ts';
import { checkMembers } from '../check/members.ts';
import { checkPorts, type Listen } from '../check/ports.ts';
import { checkPrimary, type Upstream } from '../check/primary.ts';
import { checkResolvers } from '../check/resolver.ts';
import { checkTls } from '../check/tls.ts';
import { checkTrust } from '../check/trust.ts';
import { checkClasses } from '../check/classes.ts';
import { checkViews } from '../check/views.ts';
import { checkRecursiveAgents } from '../check/recursive-agent.ts';
import { checkXotAgents } from '../check/xot-agent.ts';
import { defaultConfigFile } from '../config-file.ts';
import { exitCode, printFacts, processOutput, type ExitCode, type Output } from '../output.ts';
import { loadConfigAndPlugins, type LoadedWithPlugins } from '../plugins.ts';

export interface CheckOptions {
  readonly config: string;
  /** Milliseconds for each question to a primary. */
  readonly timeoutMs?: number;
  /** Milliseconds since the epoch. */
  readonly nowMs?: number;
  /** What TLS can do; that of this process if not said. */
  readonly features?: TlsFeatures;
}

/** What `--json` prints. */
export interface CheckResult {
  /** No errors; there may be warnings. */
  readonly ok: boolean;
  readonly findings: readonly Finding[];
}

const primaryTimeoutMs = 3000;

/** Adds the command to the program. */
export function registerCheck(program: Command, output: Output = processOutput): void {
  program
    .command('check')
    .summary('check the configuration and what it needs')
    .description(
      'Check configuration, access list, identity, TLS, ports, primary, views of a resolver gate, servers and classes of an authoritative one, gates of an agent, trust anchors, resolver and our own TLSA records.',
    )
    .option('-c, --config <file>', 'the configuration', defaultConfigFile)
    .option('--json', 'print facts as JSON')
    .action(async (options: { readonly config: string; readonly json?: boolean }) => {
      const result = await check(options);
      printFacts(output, result, options, () => inWords(result, options.config));
      process.exitCode = exitCodeFor(result);
    });
}

/** Checks everything; what is wrong is in the findings, so this rejects for bugs only. */
export async function check(options: CheckOptions): Promise<CheckResult> {
  const findings = await findAll(options);
  return { ok: findings.every(({ severity }) => severity !== 'error'), findings };
}

async function findAll({
  config: file,
  timeoutMs = primaryTimeoutMs,
  nowMs = Date.now(),
  features = tlsFeatures(),
}: CheckOptions): Promise<Finding[]> {
  let loaded: LoadedWithPlugins;
  try {
    loaded = await loadConfigAndPlugins(file, features);
  } catch (error) {
    // Nothing else can be judged: what would be looked at is in this file.
    if (error instanceof ConfigError) return error.problems.map(findingOf);
    throw error;
  }
  const { identity, findings: identityFindings } = checkIdentity(loaded, nowMs);
  const { listens, upstreams } = endpointsOf(loaded);
  const ports = await checkPorts(loaded, listens);
  const { canResolve, findings: trust } = checkTrust(loaded, nowMs);
  const [access, views, classes, agents, xotAgents, recursiveAgents, resolvers, ...primaries] =
    await Promise.all([
      checkAccess(loaded),
      checkViews(loaded),
      checkClasses(loaded),
      canResolve ? checkAgents(loaded, identity, () => nowMs) : [],
      canResolve ? checkXotAgents(loaded, identity, () => nowMs) : [],
      canResolve ? checkRecursiveAgents(loaded, identity, () => nowMs) : [],
      canResolve ? checkResolvers(loaded, identity, () => nowMs) : [],
      ...upstreams.map((upstream) => checkPrimary(loaded, upstream, timeoutMs)),
    ]);
  return [
    ...access,
    ...checkMembers(loaded),
    ...identityFindings,
    ...checkTls(loaded, features),
    ...ports,
    ...primaries.flat(),
    ...views,
    ...classes,
    ...agents,
    ...xotAgents,
    ...recursiveAgents,
    ...trust,
    ...resolvers,
  ];
}

function endpointsOf({ config, plugins }: LoadedWithPlugins): {
  listens: Listen[];
  upstreams: Upstream[];
} {
  const listens: Listen[] = [];
  const upstreams: Upstream[] = [];
  if (config.observe.listen !== undefined)
    listens.push({ at: config.observe.listen, path: ['observe', 'listen'] });
  for (const { use, path, config: own } of config.plugins) {
    const endpoints = plugins.get(use)?.endpoints(own);
    for (const listen of endpoints?.listens ?? [])
      listens.push({ ...listen, path: [...path, ...listen.path] });
    for (const upstream of endpoints?.upstreams ?? [])
      upstreams.push({ ...upstream, path: [...path, ...upstream.path] });
  }
  return { listens, upstreams };
}

function inWords({ findings }: CheckResult, file: string): string {
  const shown = printableText(file);
  const count = (severity: Finding['severity']): number =>
    findings.filter((finding) => finding.severity === severity).length;
  const errors = count('error');
  const summary =
    errors === 0 ? `${shown} is right` : `${shown}: ${String(errors)} error${errors === 1 ? '' : 's'}`;
  const warnings = count('warning');
  const more = warnings === 0 ? '' : `, ${String(warnings)} warning${warnings === 1 ? '' : 's'}`;
  return [...findings.map(formatFinding), summary + more].join('\n');
}

function exitCodeFor({ findings }: CheckResult): ExitCode {
  const errors = findings.flatMap((finding) => (finding.severity === 'error' ? [finding.about] : []));
  if (errors.includes('configuration')) return exitCode.usage;
  return errors.length > 0 ? exitCode.no : exitCode.done;
}
