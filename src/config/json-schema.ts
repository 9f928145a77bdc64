// The JSON Schema of plimsoll.yml, for editors: what may be written, before defaults and units.

import { z } from 'zod';
import { configSchema } from './schema.ts';

export function jsonSchema(): object {
  const { $schema, ...schema } = z.toJSONSchema(configSchema, {
    io: 'input',
    target: 'draft-7', // what the YAML language server reads
    override({ jsonSchema: node }) {
      // "http://${HOST}:8000" is not a URI until the variable is filled in.
      if (node.format === 'uri') {
        delete node.format;
        node.pattern = '^(https?://|\\$\\{)';
      }
      if (node.format === 'starts_with') delete node.format;
      delete node.propertyNames; // every key is text
    },
  });
  return { $schema, title: 'plimsoll.yml', ...schema };
}
