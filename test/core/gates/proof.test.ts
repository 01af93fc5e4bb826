/** By what servers prove themselves, as a configuration says it. The schemas of plugins test the rest. */
import { expect } from 'chai';
import * as schema from '../../../core/config/schema.ts';
import { Name } from '../../../core/dns/name.ts';
import { policyOf, proofFaults, proofKeys, readRoots, systemWord } from '../../../core/gates/proof.ts';
import { memoryLog } from '../../support/memory-log.ts';

const name = Name.parse('ns1.example');
const pin = Buffer.alloc(32, 1);
const named = [{ path: ['servers', 0], text: '192.0.2.1#ns1.example', name }];

describe('the proof of servers', () => {
  it('is DANE unless there are pins, and never nothing [RFC8310-5]', () => {
    expect(policyOf({ pins: [] }, name, [])).to.include({ name, dane: 'required' });
    expect(policyOf({ pins: [pin] }, name, []).dane).to.equal('off');
    expect(policyOf({ pins: [pin], dane: 'required' }, name, []).dane).to.equal('required');
    expect(policyOf({ pins: [pin] }, undefined, [])).to.deep.equal({ dane: 'off', pins: [pin] });
  });

  it('is missed where anybody could be the server, in the words of the plugin', () => {
    const nameless = [{ path: ['servers', 0], text: '192.0.2.1', name: undefined }];
    const said = (...of: Parameters<typeof proofFaults>) => proofFaults(...of).map(({ message }) => message);
    expect(said({ pins: [] }, nameless, 'gate')[0]).to.match(/no name after #.*with the name of the gate/);
    expect(said({ pins: [pin] }, nameless)).to.deep.equal([]);
    expect(said({ pins: [], dane: 'off' }, named)[0]).to.match(/could prove a server/);
    expect(said({ pins: [], dane: 'if-published' }, named, 'gate')[0]).to.match(/roots for gates without/);
    expect(said({ pins: [], dane: 'if-published', roots: systemWord }, named)).to.deep.equal([]);
  });

  it('is described in the words of the plugin', () => {
    const keys = schema.z.strictObject(proofKeys('gates', 'gate'));
    expect(keys.parse({})).to.deep.equal({ pins: [] });
    expect(keys.shape.pins.meta()?.description).to.match(/public keys of gates.*must be the gate’s/);
  });

  it('takes the authorities of the system by a word, and none if none are said', () => {
    const host = { absolutePath: (file: string) => file, log: memoryLog() };
    expect(readRoots({ pins: [] }, host)).to.deep.equal([]);
    expect(() => readRoots({ pins: [], roots: '/nonexistent/roots.pem' }, host)).to.throw(/no such file/);
  });
});
