// {{name}}: a gateway hook. It runs before authentication and may refuse the request.
import { header } from 'exo:hooks/request@0.1.0';
import { setHeader } from 'exo:hooks/response@0.1.0';
import { write } from 'exo:hooks/log@0.1.0';

interface Failure {
  message: string;
  code?: string;
  extensions?: string;
}

interface Rejection {
  status: number;
  errors: Failure[];
  headers: [string, string][];
}

export const gateway = {
  onRequest(): void {
    // What is absent is null.
    if (header('x-blocked') != null) {
      write('info', 'a blocked request', []);
      const rejection: Rejection = {
        status: 403,
        errors: [{ message: 'This request is blocked', code: 'BLOCKED' }],
        headers: [],
      };
      throw rejection;
    }
  },
  onResponse(): void {
    setHeader('x-hook', '{{name}}');
  },
};
