/**
 * The daemon as a value: everything that a configuration asks for, put together, started, reloaded and stopped.
 *
 * `danced run` puts a process around it, `danced demo` and tests run it in theirs.
 */
import { dirname, resolve } from 'node:path';
import type { Budgets, SharedLedger } from '../core/acl/budgets.ts';
import { Grants } from '../core/acl/grants.ts';
import { openAccessStore, type OpenAccessStore } from '../core/acl/open-store.ts';
import type { DancedConfig, LoadedConfig, PluginUse } from '../core/config/config.ts';
import { ConfigError, formatProblem, maxPrintedProblems } from '../core/config/errors.ts';
import { formatEndpoint } from '../core/config/endpoint.ts';
import { presentTime } from '../core/config/time.ts';
import { startAdminServer, type AdminServer } from '../core/observe/admin.ts';
import type { InheritedSockets } from '../core/do53/inherited.ts';
import { Feed } from '../core/observe/feed.ts';
import type { Log } from '../core/observe/log.ts';
import { Metrics } from '../core/observe/metrics.ts';
import type { Certificate } from '../core/pki/certificate.ts';
import type { PluginInstance, Readiness } from '../core/plugin/contract.ts';
import { createHost } from '../core/plugin/host.ts';
import { AdmissionBudgets, meteredBudgets } from '../core/server/admission-budgets.ts';
import { certificatesOnly, gateContext } from '../core/tls/context.ts';
import { loadIdentity, type LoadedIdentity } from '../core/tls/identity.ts';
import { tlsFeatures, type TlsFeatures } from '../core/tls/native/native.ts';
import type { LoadedWithPlugins, Plugins } from './plugins.ts';
import { openResolver, type OpenResolver } from '../core/embed/resolution.ts';
import { readRootsFile } from '../core/embed/trust-files.ts';

export interface DaemonOptions {
  readonly loaded: LoadedWithPlugins;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly nowMs?: () => number;
  /** What TLS can do; that of this process if not said. */
  readonly features?: TlsFeatures;
  /** Set where this is one of several processes of one daemon (cli/workers). */
  readonly asWorker?: WorkerParts;
  /** Sockets that our starter opened (systemd); the agents that listen there take them. */
  readonly inherited?: InheritedSockets;
}

/** What the processes of one daemon share. They share their ports too, and the first process has the admin server. */
export interface WorkerParts {
  /** The budgets of a kind of all of them; those that the access list is shared with come first. */
  readonly ledger: (kind: string) => SharedLedger;
}

/** A running daemon. */
export class Daemon {
  readonly metrics = new Metrics();
  readonly #log: Log;
  readonly #instances: { readonly use: string; readonly instance: PluginInstance<unknown> }[] = [];
  readonly #access: OpenAccessStore;
  /** Of the rules of the access list. */
  readonly #rates: Budgets;
  readonly #budgets: AdmissionBudgets;
  readonly #resolver: OpenResolver;
  readonly #config: DancedConfig;
  readonly #plugins: Plugins;
  /** What is decided, for whoever watches. */
  readonly feed: Feed;
  readonly #asWorker: WorkerParts | undefined;
  readonly #inherited: InheritedSockets | undefined;
  #identity: LoadedIdentity;
  #admin: AdminServer | undefined;
  #stopping = false;

  private constructor(options: DaemonOptions) {
    const { loaded, log } = options;
    this.#log = log;
    this.#config = loaded.config;
    this.#plugins = loaded.plugins;
    this.#identity = this.#readIdentity();
    const { nowMs = Date.now, features = tlsFeatures() } = options;
    const { metrics } = this;
    this.feed = new Feed(nowMs);
    this.#asWorker = options.asWorker;
    this.#inherited = options.inherited;
    const roots = this.#readRoots();
    this.#resolver = openResolver(this.#config.resolver, { log, metrics, nowMs });
    // The last, since it connects.
    this.#access = openAccessStore(this.#config.access, { log, metrics, nowMs });
    const { access, ledger = this.#asWorker?.ledger } = this.#access;
    this.#rates = meteredBudgets('rates', { nowMs, metrics, ledgerOf: ledger });
    this.#budgets = new AdmissionBudgets({ nowMs, metrics, ledgerOf: ledger });
    this.#sayWhatIsNotValidated(nowMs());
    this.#sayWhatIsMissing(features);
    const parts = {
      identity: () => this.#identity,
      ownName: this.#config.identity.name,
      folder: dirname(resolve(loaded.document.file)),
      extensionType: this.#config.dane.extensionType,
      features,
      access,
      grants: new Grants(this.#rates),
      rates: this.#rates,
      budgets: this.#budgets,
      resolver: this.#resolver,
      roots,
      log,
      metrics,
      feed: this.feed,
      nowMs,
      sharesPorts: this.#asWorker !== undefined,
      inherited: this.#inherited,
    };
    try {
      for (const [use, label] of labels(this.#config.plugins)) {
        const plugin = loaded.plugins.get(use.use);
        if (!plugin) throw new TypeError(`no plugin ${use.use}`);
        this.#instances.push({ use: use.use, instance: plugin.setup(createHost(label, parts), use.config) });
      }
    } catch (error) {
      // Its connections would keep the process from ending.
      void this.#access.close();
      this.#resolver.close();
      throw error;
    }
  }

  /**
   * Starts everything. Rejects with ConfigError, IdentityError or ListenError, and then nothing is left running.
   */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const daemon = new Daemon(options);
    try {
      await daemon.#start();
    } catch (error) {
      await daemon.stop(0);
      throw error;
    }
    return daemon;
  }

  /** Where metrics and health are served, if they are. */
  get adminAddress(): { readonly address: string; readonly port: number } | undefined {
    return this.#admin;
  }

  ready(): Readiness {
    const all = [...this.#instances.map(({ instance }) => instance.ready()), this.#access.ready()];
    const waitingFor = all.flatMap((readiness) => readiness.waitingFor);
    if (this.#stopping) waitingFor.unshift('stopping');
    return { ready: !this.#stopping && all.every((readiness) => readiness.ready), waitingFor };
  }

  /**
   * Reads the access list and our identity again, and gives each plugin its new configuration. What is broken keeps its
   * old form and is said in the log.
   */
  reload(loaded: LoadedConfig | undefined): void {
    this.#access.reload();
    try {
      this.#identity = this.#readIdentity();
    } catch (error) {
      this.#log.error('identity not reloaded', { error, kept: 'the old key and certificate' });
    }
    if (loaded) this.#reloadPlugins(loaded.config);
  }

  /** Stops within `deadlineMs`; replies under way may finish till then. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#instances.map(({ instance }) => instance.stop(deadlineMs)));
    this.#rates.close();
    this.#budgets.close();
    await this.#access.close();
    this.#resolver.close();
    await this.#admin?.close();
  }

  async #start(): Promise<void> {
    const { listen } = this.#config.observe;
    if (listen && !this.#asWorker) {
      this.#admin = await startAdminServer({
        listen,
        metrics: this.metrics,
        ready: () => this.ready(),
        decisions: this.feed,
      });
    }
    for (const { instance } of this.#instances) await instance.start();
    this.#sayWhatIsNotUsed();
    this.#access.watch();
    this.#resolver.keep(() => this.#access.exactNames());
  }

  #readIdentity(): LoadedIdentity {
    const identity = loadIdentity(this.#config.identity.directory);
    for (const warning of identity.warnings) this.#log.warn('identity', { warning });
    // What TLS does not take is found here, while the one before is still in force, and not with the next connection.
    gateContext(identity, certificatesOnly);
    return identity;
  }

  #sayWhatIsMissing({ addon, problem }: TlsFeatures): void {
    if (addon) return;
    const lost = 'no names from the extension, no raw public keys, no alerts, no padding of records';
    this.#log.warn('TLS addon is missing', { problem, lost });
  }

  /** Their clients would wait for answers that nobody makes. */
  #sayWhatIsNotUsed(): void {
    for (const { kind, at } of this.#inherited?.left ?? []) {
      const advice =
        'no agent listens there: write the address under `listen`, or take it out of the socket unit';
      this.#log.warn('socket not used', { kind, address: formatEndpoint(at), advice });
    }
  }

  #sayWhatIsNotValidated(nowMs: number): void {
    const { resolver } = this.#config;
    const anchors = resolver.validation === 'local' ? resolver.negativeTrustAnchors : [];
    for (const { name, untilMs } of anchors) {
      const until = presentTime(untilMs);
      if (untilMs > nowMs) this.#log.warn('validation is off', { name, until });
      else this.#log.warn('negative trust anchor has ended', { name, until, advice: 'take it out' });
    }
  }

  /** Authorities for the PKIX usages of TLSA; none unless the configuration names them. */
  #readRoots(): readonly Certificate[] {
    const { roots: file } = this.#config.dane;
    if (file === undefined) return [];
    const { roots, unreadable } = readRootsFile(file);
    if (unreadable > 0) this.#log.warn('roots left out', { file, unreadable });
    return roots;
  }

  /** All or nothing: half of a change can open what the other half was to close. */
  #reloadPlugins(config: DancedConfig): void {
    const needsRestart = [...sharedPartsThatDiffer(this.#config, config), ...this.#usesThatDiffer(config)];
    if (needsRestart.length > 0) {
      const advice = 'nothing of the configuration was reloaded; restart danced, or take these changes back';
      this.#log.warn('configuration needs a restart', { changed: needsRestart.join(' '), advice });
      return;
    }
    let isWhole = true;
    for (const [index, { instance, use }] of this.#instances.entries()) {
      try {
        instance.reload(config.plugins[index]?.config);
      } catch (error) {
        isWhole = false;
        // A file that the plugin reads is missing or broken: the operator's, and not ours.
        const problems = error instanceof ConfigError ? error.problems.slice(0, maxPrintedProblems) : [];
        for (const problem of problems)
          this.#log.error('configuration broken', { plugin: use, problem: formatProblem(problem) });
        if (problems.length === 0) this.#log.error('defect', { plugin: use, doing: 'reload', error });
      }
    }
    if (isWhole) this.#log.info('configuration reloaded');
    else this.#log.error('configuration not reloaded', { kept: 'the old one, of the plugins named above' });
  }

  /** An instance stays what it was by its plugin and by where it listens: those make it this entry and not another. */
  #usesThatDiffer(config: DancedConfig): string[] {
    if (config.plugins.length !== this.#config.plugins.length) return ['plugins'];
    return config.plugins.flatMap((use, index) => {
      const before = this.#config.plugins[index];
      return before && this.#listensOf(before) === this.#listensOf(use) ? [] : [`plugins[${index}].listen`];
    });
  }

  #listensOf({ use, config }: PluginUse): string {
    const listens = this.#plugins.get(use)?.endpoints(config).listens ?? [];
    return JSON.stringify([use, listens.map(({ at }) => at)]);
  }
}

/** What all plugins share is set up once. */
function sharedPartsThatDiffer(before: DancedConfig, after: DancedConfig): string[] {
  const keys = ['identity', 'resolver', 'dane', 'access', 'observe', 'workers'] as const;
  return keys.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
}

/** A plugin that is used twice is told apart by a number. */
function labels(uses: readonly PluginUse[]): readonly (readonly [PluginUse, string])[] {
  return uses.map((use, index) => {
    const same = uses.filter((other) => other.use === use.use);
    const number = uses.slice(0, index).filter((other) => other.use === use.use).length + 1;
    return [use, same.length > 1 ? `${use.use}#${String(number)}` : use.use];
  });
}
