/**
 * What stands before the first act of the demo: the lab (a signed tree of zones, its resolver, a primary), three
 * identities, the gate's configuration files, and the gate that reads them.
 *
 * Limitations: everything is on 127.0.0.1, on ports that the system gives.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEndpoint } from '../../core/config/endpoint.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import type { RunningGate, StartGate } from './gate.ts';
import { GateLog } from './gate-log.ts';
import { openParty, type Party } from './party.ts';
import { ScratchDirectory } from './scratch-directory.ts';

export const zone = 'example.com';
const recordCount = 5000;
/** Short, so that a withdrawn record is soon forgotten. */
export const tlsaTtlSeconds = 2;

export interface Parties {
  readonly gate: Party;
  /** The secondary that the primary's operator has agreed with. */
  readonly secondary: Party;
  /** Somebody else, with an identity as good as the secondary's. */
  readonly stranger: Party;
  /** Somebody with the secondary's name on a certificate of their own. */
  readonly impostor: Party;
}

/** A configuration file, to be shown. */
export interface ShownFile {
  readonly name: string;
  readonly text: string;
}

export class Stage {
  readonly lab: Lab;
  readonly parties: Parties;
  readonly files: readonly ShownFile[];
  readonly log: GateLog;
  /** Where the gate listens. */
  readonly gatePort: number;
  readonly #close: () => Promise<void>;

  private constructor(parts: Omit<Stage, 'close'> & { readonly closeAll: () => Promise<void> }) {
    const { lab, parties, files, log, gatePort, closeAll } = parts;
    this.lab = lab;
    this.parties = parties;
    this.files = files;
    this.log = log;
    this.gatePort = gatePort;
    this.#close = closeAll;
  }

  /** Builds it up; what fails on the way takes down what stands already. */
  static async open(startGate: StartGate): Promise<Stage> {
    const scratch = new ScratchDirectory();
    let lab: Lab | undefined;
    let gate: RunningGate | undefined;
    const closeAll = async (): Promise<void> => {
      await gate?.stop();
      await lab?.close();
      scratch.remove();
    };
    try {
      lab = await startLab({ transferZone: { name: zone, records: recordCount } });
      const parties = await openParties(scratch.path);
      for (const { name, tlsa } of [parties.secondary, parties.stranger])
        lab.publishTlsa(name, [tlsa], tlsaTtlSeconds);
      const files = configFiles(lab);
      for (const { name, text } of files) writeFileSync(join(scratch.path, name), text);
      const log = new GateLog();
      gate = await startGate(join(scratch.path, 'danced.yaml'), log);
      const gatePort = await listeningPort(log);
      return new Stage({ lab, parties, files, log, gatePort, closeAll });
    } catch (error) {
      await closeAll();
      throw error;
    }
  }

  /** Ends every server and removes every file. */
  close(): Promise<void> {
    return this.#close();
  }
}

async function openParties(directory: string): Promise<Parties> {
  const [gate, secondary, stranger, impostor] = await Promise.all([
    openParty('gate.example', join(directory, 'gate')),
    openParty('_xfr.ns2.example', join(directory, 'secondary')),
    openParty('_xfr.stranger.example', join(directory, 'stranger')),
    openParty('_xfr.ns2.example', join(directory, 'impostor')),
  ]);
  return { gate, secondary, stranger, impostor };
}

function configFiles(lab: Lab): ShownFile[] {
  const { resolver, primary } = lab;
  return [
    {
      name: 'danced.yaml',
      text: `version: 1
identity: { name: gate.example, directory: gate }
resolver:
  servers: ["127.0.0.1:${resolver.port}"]
  trust-anchors: root.key # without this line: the keys of the real root
  prefetch: false # so that every query that you see below is for a client
access: { store: file, file: access.yaml }
plugins:
  - use: xot/gate
    listen: ["127.0.0.1:0"] # any free port; 853 is the port of DNS over TLS
    primary: 127.0.0.1:${primary.port}
    zones: [${zone}]
`,
    },
    { name: 'root.key', text: `${lab.rootAnchor()}\n` },
    {
      name: 'access.yaml',
      text: `version: 1
clients:
  _xfr.ns2.example: { allow: [{ action: transfer, zones: [${zone}] }] }
`,
    },
  ];
}

/** The gate says in its log where it listens. */
async function listeningPort(log: GateLog): Promise<number> {
  const addresses = (await log.find('listening'))?.field('addresses');
  if (addresses === undefined) throw new Error('the gate has not said where it listens');
  return parseEndpoint(addresses, 0).port;
}
