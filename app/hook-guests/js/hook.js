// {{name}}: a gateway hook. It runs before authentication and may refuse the request.
import { header } from 'exo:hooks/request@0.1.0';
import { setHeader } from 'exo:hooks/response@0.1.0';
import { write } from 'exo:hooks/log@0.1.0';

export const gateway = {
  onRequest() {
    // What is absent is null.
    if (header('x-blocked') != null) {
      write('info', 'a blocked request', []);
      throw {
        status: 403,
        errors: [{ message: 'This request is blocked', code: 'BLOCKED', extensions: undefined }],
        headers: [],
      };
    }
  },
  onResponse() {
    setHeader('x-hook', '{{name}}');
  },
};
