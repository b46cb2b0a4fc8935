// A grader for promptfoo; made by lexgate. A reply that is not exactly a verdict is an error, and
// promptfoo counts an error of a grader as a failed assertion. There is no default model.

const KEYS = 'pass,reason,score';

function verdict(text) {
  let data;
  try {
    data = JSON.parse(text);
  } catch {
    return null;
  }
  if (data === null || typeof data !== 'object' || Array.isArray(data)) return null;
  if (Object.keys(data).sort().join(',') !== KEYS) return null;
  if (typeof data.pass !== 'boolean' || typeof data.reason !== 'string') return null;
  return data.score === (data.pass ? 1 : 0) ? data : null;
}

async function ask(url, model, key, prompt) {
  const headers = { 'content-type': 'application/json' };
  if (key) headers.authorization = `Bearer ${key}`;
  const messages = [{ role: 'user', content: prompt }];
  const response = await fetch(`${url.replace(/\/+$/, '')}/chat/completions`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ model, messages, temperature: 0 }),
  });
  if (!response.ok) throw new Error(`the grader's server answered ${response.status}`);
  const choice = (await response.json()).choices[0];
  if (choice.finish_reason !== 'stop') throw new Error(`the reply ended in ${choice.finish_reason}`);
  return choice.message.content;
}

export default class Grader {
  id() {
    return 'lexgate-grader';
  }

  async callApi(prompt, context) {
    const url = process.env.LEXGATE_GRADER_URL;
    const model = process.env.LEXGATE_GRADER_MODEL;
    if (!url || !model) {
      return { error: 'no grader: set LEXGATE_GRADER_URL and LEXGATE_GRADER_MODEL' };
    }
    if (typeof context?.vars?.prompt !== 'string') {
      return { error: 'the test has no variable `prompt`: there is nothing to judge the output by' };
    }
    const candidate = String(context.originalProvider?.id?.() ?? '').split(':').pop();
    if (candidate === model) {
      return { error: `${model} is the candidate: it cannot grade itself` };
    }
    try {
      const reply = await ask(url, model, process.env.LEXGATE_GRADER_KEY, prompt);
      const found = verdict(reply);
      return found
        ? { output: JSON.stringify(found) }
        : { error: `the reply is no verdict of reason, pass and score: ${String(reply).slice(0, 200)}` };
    } catch (error) {
      return { error: `the grader failed: ${error.message}` };
    }
  }
}
