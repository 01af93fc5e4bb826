/**
 * danced's validation beside Unbound's and delv's, on a tree of zones signed by ldns-signzone, dnssec-signzone and
 * Knot DNS: for every question the three say the same, or a table says who is right and why.
 *
 * Everybody asks the same authoritative servers and has the same time, to the second.
 */
import { expect } from 'chai';
import { rcodeName, rrTypeFromName } from '../../core/dns/constants.ts';
import type { LookupResult } from '../../core/resolver/resolver.ts';
import { TestBed } from '../support/peers/test-bed.ts';
import { buildTree } from '../support/validation-lab/build.ts';
import { askDanced, makeDanced } from '../support/validation-lab/danced.ts';
import { delvNeverEnds, exceptions, type Exception } from '../support/validation-lab/exceptions.ts';
import { inParallel } from '../support/validation-lab/in-parallel.ts';
import { absolute, type LabZone } from '../support/validation-lab/lab-zone.ts';
import {
  startAuthorities,
  startPassThrough,
  startWitness,
  type LabServer,
} from '../support/validation-lab/servers.ts';
import {
  askDelv,
  askUnbound,
  writeAnchors,
  type Answer,
  type Testimony,
} from '../support/validation-lab/witnesses.ts';
import { zoneGroups } from '../support/validation-lab/zones/index.ts';

interface Asked {
  readonly group: string;
  readonly zone: LabZone;
  /** Absolute. */
  readonly name: string;
  readonly type: string;
  readonly expected: LookupResult['status'];
}

interface Heard {
  readonly asked: Asked;
  readonly danced: LookupResult;
  readonly unbound: Answer;
  readonly delv: Testimony;
}

/** Questions to each of them at the same time. */
const atOnce = { danced: 8, unbound: 8, delv: 4 };

const zones = Object.values(zoneGroups).flat();
const questions: readonly Asked[] = Object.entries(zoneGroups).flatMap(([group, list]) =>
  list.flatMap((zone) =>
    zone.questions.map(([name, type, expected]) => ({
      group,
      zone,
      name: absolute(name, zone.apex),
      type,
      expected,
    })),
  ),
);

describe('validation beside Unbound and delv', function () {
  this.timeout(300_000);
  const bed = new TestBed();
  let passThrough: LabServer;
  let anchor: string;
  let heard: readonly Heard[];

  before(async () => {
    const tree = await buildTree(bed, zones);
    ({ anchor } = tree);
    const authorities = await startAuthorities(bed, tree);
    const witness = await startWitness(bed, tree, authorities);
    passThrough = await startPassThrough(bed, tree, authorities);
    const [delv, danced, unbound] = await Promise.all([
      hearDelv(),
      hearDanced(questions),
      inParallel(questions, atOnce.unbound, ({ name, type }) => askUnbound(witness, name, typeNumber(type))),
    ]);
    heard = questions.map((asked, index) => ({
      asked,
      danced: danced[index]!,
      unbound: unbound[index]!,
      delv: delv.get(asked)!,
    }));
  });

  after(() => bed.close());

  async function hearDanced(list: readonly Asked[]): Promise<LookupResult[]> {
    const danced = makeDanced(passThrough, anchor);
    try {
      return await inParallel(list, atOnce.danced, ({ name, type }) =>
        askDanced(danced, name, typeNumber(type)),
      );
    } finally {
      danced.close();
    }
  }

  async function hearDelv(): Promise<ReadonlyMap<Asked, Testimony>> {
    const anchors = writeAnchors(bed, anchor);
    const hear = async (list: readonly Asked[], workers: number): Promise<[Asked, Testimony][]> =>
      inParallel(list, workers, async (asked) => [
        asked,
        await askDelv(passThrough, anchors, asked.name, asked.type),
      ]);
    const endless = questions.filter(delvNeverEnds);
    const others = questions.filter((asked) => !delvNeverEnds(asked));
    return new Map((await Promise.all([hear(endless, endless.length), hear(others, atOnce.delv)])).flat());
  }

  it('has zones and questions enough', () => {
    const signed = zones.filter((zone) => zone.signing !== undefined).length;
    const excepted = heard.filter((one) => exceptionFor(one, 'unbound') ?? exceptionFor(one, 'delv')).length;
    console.log(
      `    ${zones.length} zones, ${signed} of them signed; ${questions.length} questions: ` +
        `all agree on ${questions.length - excepted}, a rule decides on ${excepted}`,
    );
    expect(signed).to.be.at.least(60);
    expect(questions.length).to.be.at.least(300);
    expect(new Set(questions.map(({ name, type }) => `${name} ${type}`)).size).to.equal(questions.length);
  });

  for (const group of Object.keys(zoneGroups)) {
    it(`agrees on ${group}`, () => {
      const ofGroup = heard.filter(({ asked }) => asked.group === group);
      expect(ofGroup).not.to.be.empty;
      expect(ofGroup.flatMap(disagreements)).to.deep.equal([]);
    });
  }

  for (const exception of exceptions) {
    it(`differs from ${exception.witness} for a reason: ${exception.why}`, () => {
      expect(heard.some((one) => exceptionFor(one, exception.witness) === exception)).to.be.true;
    });
  }

  it('says the same from an empty memory in another order', async () => {
    const again = (await hearDanced(questions.toReversed())).toReversed();
    const changed = heard
      .filter(({ danced }, index) => again[index]!.status !== danced.status)
      .map(({ asked }) => asked.name);
    expect(changed).to.deep.equal([]);
  });
});

function typeNumber(type: string): number {
  const number = rrTypeFromName(type);
  if (number === undefined) throw new Error(`no type ${type}`);
  return number;
}

function exceptionFor({ asked, danced }: Heard, witness: Exception['witness']): Exception | undefined {
  const { denial } = asked.zone.signing ?? {};
  const hasOptOut = denial?.kind === 'nsec3' && denial.optOut;
  const question = { ...asked, hasOptOut, isDenial: danced.records.length === 0 };
  return exceptions.find((exception) => exception.witness === witness && exception.holds(question));
}

/** Every word that is not as expected, in words. */
function disagreements(one: Heard): string[] {
  const { asked, danced, unbound, delv } = one;
  const said = {
    danced: { ...danced, words: danced.detail, wanted: asked.expected },
    unbound: { ...unbound, wanted: exceptionFor(one, 'unbound')?.says ?? asked.expected },
    delv: { ...delv, wanted: exceptionFor(one, 'delv')?.says ?? asked.expected },
  };
  const wrong = Object.entries(said)
    .filter(([, { status, wanted }]) => status !== wanted)
    .map(([who, { status, words, wanted }]) => `${who} says ${status}, not ${wanted} (${words})`);
  if (danced.status === 'secure' && unbound.status === 'secure') {
    if (danced.rcode !== unbound.rcode)
      wrong.push(`danced has ${rcodeName(danced.rcode)}, unbound ${rcodeName(unbound.rcode)}`);
    const rdatas = danced.records.map(({ rdata }) => rdata.toString('hex')).sort();
    if (rdatas.join() !== [...unbound.rdatas].sort().join())
      wrong.push('danced has other records than unbound');
  }
  return wrong.map((words) => `${asked.name} ${asked.type}: ${words}`);
}
