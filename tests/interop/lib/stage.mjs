// Scenarios that play on one gateway, for each engine over each transport.
import { after, before, describe } from 'node:test';
import { Gateway } from './gateway.mjs';
import { cells } from './matrix.mjs';
import { Party } from './party.mjs';

/**
 * Describes `what` for each cell of the matrix. `scenarios` is called with the stage of a cell: its `transport`, and
 * from its first `before` on its `party`, empty as yet, in a domain of an account that lets anybody in.
 */
export function onEachCell(what, accountName, scenarios) {
  describe(what, () => {
    let gateway;
    let account;
    before(async () => {
      gateway = await Gateway.start();
      account = await gateway.account(accountName, { remotesAuth: ['anon'] });
    });
    after(() => gateway?.dispose());

    for (const { engine, transport, label } of cells) {
      describe(label, () => {
        const stage = { transport };
        before(async () => {
          stage.party = new Party(gateway, await gateway.configuration(account), { engine, transport });
        });
        after(() => stage.party?.stop());
        scenarios(stage);
      });
    }
  });
}
