// The word lists that synthetic prompts are made of. In: a language. Out: its words (characters for Chinese and
// Japanese, lines for code), its punctuation, and a closing sentence that asks for a long answer.

import type { LANGUAGES } from '../config/schema.ts';

export type Language = (typeof LANGUAGES)[number];

export interface Vocabulary {
  /** One unit each: a word, a character, or (for code) a line of several units. */
  readonly entries: readonly string[];
  /** Between units: a space, or nothing where the script has no spaces. */
  readonly joiner: '' | ' ' | '\n';
  readonly fullStop: string;
  /** Asks for a long answer, so that engines that cannot ignore the end token still write one. */
  readonly request: string;
}

const spaced = (words: string, fullStop: string, request: string): Vocabulary => ({
  entries: words.trim().split(/\s+/),
  joiner: ' ',
  fullStop,
  request,
});
const unspaced = (characters: string, request: string): Vocabulary => ({
  entries: [...characters.replace(/\s/g, '')],
  joiner: '',
  fullStop: '。',
  request,
});

export const VOCABULARIES: Readonly<Record<Language, Vocabulary>> = {
  en: spaced(
    `harbour winter ladder copper river engine garden paper market signal forest kitchen bridge coat doctor
     island number morning letter mountain window teacher village method answer bottle season captain station journey
     silver picture nature measure border circle summer science shadow weather machine reason street valley library
     yellow minute ocean future cotton simple narrow gentle between carry follow begin travel remember listen open
     build under never always before because slowly together`,
    '.',
    'Please continue this text at great length and in full sentences.',
  ),
  es: spaced(
    `puerto invierno escalera cobre río motor jardín papel mercado señal bosque cocina puente abrigo médico isla
     número mañana carta montaña ventana maestra pueblo método respuesta botella estación capitán tren viaje plata
     cuadro naturaleza medida frontera círculo verano ciencia sombra tiempo máquina razón calle valle biblioteca
     amarillo minuto océano futuro algodón sencillo estrecho suave entre llevar seguir empezar viajar recordar
     escuchar abrir construir debajo nunca siempre antes porque despacio juntos`,
    '.',
    'Por favor continúa este texto con mucho detalle y en frases completas.',
  ),
  fr: spaced(
    `port hiver échelle cuivre rivière moteur jardin papier marché signal forêt cuisine pont manteau médecin île
     nombre matin lettre montagne fenêtre maîtresse village méthode réponse bouteille saison capitaine gare voyage
     argent tableau nature mesure frontière cercle été science ombre temps machine raison rue vallée bibliothèque
     jaune minute océan avenir coton simple étroit doux entre porter suivre commencer partir rappeler écouter ouvrir
     construire dessous jamais toujours avant parce lentement ensemble`,
    '.',
    'Merci de continuer ce texte très longuement et avec des phrases complètes.',
  ),
  de: spaced(
    `Hafen Winter Leiter Kupfer Fluss Motor Garten Papier Markt Signal Wald Küche Brücke Mantel Arzt Insel Zahl Morgen
     Brief Berg Fenster Lehrerin Dorf Methode Antwort Flasche Jahreszeit Kapitän Bahnhof Reise Silber Bild Natur Maß
     Grenze Kreis Sommer Wissenschaft Schatten Wetter Maschine Grund Straße Tal Bücherei gelb Minute Ozean Zukunft
     Wolle einfach schmal sanft zwischen tragen folgen beginnen reisen erinnern zuhören öffnen bauen unter niemals
     immer bevor weil langsam gemeinsam`,
    '.',
    'Bitte setze diesen Text sehr ausführlich und in ganzen Sätzen fort.',
  ),
  pt: spaced(
    `porto inverno escada cobre rio motor jardim papel mercado sinal floresta cozinha ponte casaco médico ilha número
     manhã carta montanha janela professora aldeia método resposta garrafa estação capitão comboio viagem prata quadro
     natureza medida fronteira círculo verão ciência sombra tempo máquina razão rua vale biblioteca amarelo minuto
     oceano futuro algodão simples estreito suave entre levar seguir começar viajar lembrar escutar abrir construir
     debaixo nunca sempre antes porque devagar juntos`,
    '.',
    'Por favor continue este texto com muito detalhe e em frases completas.',
  ),
  ru: spaced(
    `гавань зима лестница медь река мотор сад бумага рынок сигнал лес кухня мост пальто врач остров число утро письмо
     гора окно учитель деревня метод ответ бутылка сезон капитан вокзал путь серебро картина природа мера граница круг
     лето наука тень погода машина причина улица долина библиотека жёлтый минута океан будущее хлопок простой узкий
     мягкий между нести следовать начать ехать помнить слушать открыть строить внизу никогда всегда прежде потому
     медленно вместе`,
    '.',
    'Пожалуйста, продолжи этот текст очень подробно и полными предложениями.',
  ),
  ar: spaced(
    `ميناء شتاء سلم نحاس نهر محرك حديقة ورق سوق إشارة غابة مطبخ جسر معطف طبيب جزيرة رقم صباح رسالة جبل نافذة معلم قرية
     طريقة جواب زجاجة موسم قبطان محطة رحلة فضة صورة طبيعة قياس حدود دائرة صيف علم ظل طقس آلة سبب شارع وادي مكتبة أصفر
     دقيقة محيط مستقبل قطن بسيط ضيق لطيف بين يحمل يتبع يبدأ يسافر يتذكر يسمع يفتح يبني تحت أبدا دائما قبل لأن ببطء معا`,
    '.',
    'من فضلك أكمل هذا النص بتفصيل كبير وبجمل كاملة.',
  ),
  hi: spaced(
    `बंदरगाह सर्दी सीढ़ी तांबा नदी इंजन बगीचा कागज बाजार संकेत जंगल रसोई पुल कोट डॉक्टर द्वीप संख्या सुबह पत्र पहाड़ खिड़की शिक्षक गाँव
     तरीका उत्तर बोतल मौसम कप्तान स्टेशन यात्रा चाँदी चित्र प्रकृति माप सीमा घेरा गर्मी विज्ञान छाया हवा मशीन कारण सड़क घाटी
     पुस्तकालय पीला मिनट सागर भविष्य कपास सरल संकरा कोमल बीच ले पीछे शुरू घूमना याद सुनना खोलना बनाना नीचे कभी हमेशा पहले
     क्योंकि धीरे साथ`,
    '।',
    'कृपया इस पाठ को बहुत विस्तार से और पूरे वाक्यों में आगे लिखें।',
  ),
  zh: unspaced(
    `港冬梯铜河机园纸市信林厨桥衣医岛数晨书山窗师村法答瓶季船站旅银画自量界圆夏学影天器理街谷馆黄分海来棉简窄柔间带随始行
     记听开建下从常前因慢同风雨雪星月光声色花草木石金水火土田路车门灯米茶`,
    '请用完整的句子把这段文字详细地继续写下去。',
  ),
  ja: unspaced(
    `港冬段銅川機庭紙市号森台橋服医島数朝手山窓先村方答瓶季船駅旅銀絵自測境円夏学影天器理通谷館黄分海来綿単狭柔間持続始行
     覚聞開建下決常前故遅共風雨雪星月光声色花草木石金水火土田道車門灯米茶`,
    'この文章の続きを、完全な文でできるだけ長く書いてください。',
  ),
  code: {
    joiner: '\n',
    fullStop: '',
    request: '// Rewrite all of the code above with long comments on every line.',
    entries: `
const total = items.length;
let index = 0;
if (queue.empty()) return null;
for (const row of rows) sum += row.value;
while (left < right) left += 1;
return cache.get(key) ?? fallback;
export function parse(text) {
const parts = line.split(',');
result.push(parts[0].trim());
throw new Error('unexpected end');
await client.send(message, options);
def load(path, limit=100):
    with open(path) as handle:
    rows = [row for row in handle]
    return sorted(rows, key=len)
    if not rows: raise ValueError(path)
    counts[name] = counts.get(name, 0) + 1
    print(name, value, sep='=')
import json, sys, os
class Window(Base):
    self.items = list(items)
    yield from self.walk(node.left)
    assert total == len(values)
    lambda pair: pair[1] * scale
func (s *Store) Find(id int) (Item, error) {
	defer s.mutex.Unlock()
	if err != nil { return nil, err }
	for i, v := range values { out[i] = v * 2 }
	go worker(jobs, results)
	select { case <-done: return }
	ch := make(chan int, size)
	fmt.Printf("%d of %d", n, total)
let mut buffer = Vec::with_capacity(n);
match token { Some(t) => t, None => break }
impl Iterator for Reader {
fn next(&mut self) -> Option<u64> {
self.offset += chunk.len();
let value = parse(input)?;
println!("{} {}", name, count);
unsafe { *pointer.add(step) = byte; }
int compare(const void *a, const void *b)
size_t length = strlen(text);
memcpy(target, source, length);
struct node *next = head->next;
free(buffer); buffer = NULL;
#define LIMIT (1 << 16)
switch (state) { case IDLE: start(); break; }
static unsigned hash = 5381;
SELECT name, count(*) FROM orders
WHERE created > now() AND paid = true
GROUP BY name HAVING count(*) > 3
ORDER BY total DESC LIMIT 20;
INSERT INTO visits (page, at) VALUES ($1, $2);
UPDATE stock SET amount = amount - 1;
CREATE INDEX by_date ON orders (created);
public List<String> names() {
private final Map<String, Integer> seen;
return stream.filter(x -> x > 0).toList();
try { socket.close(); } catch (IOException e) {}
@Override public int hashCode() {
var user = users.First(u => u.Id == id);
using var file = File.OpenRead(path);
foreach (var key in table.Keys) Remove(key);
case Some(head :: tail) => walk(tail)
val doubled = xs.map(_ * 2).sum
data Tree a = Leaf | Node (Tree a) a (Tree a)
fold f z (x:xs) = f x (fold f z xs)
local count = #table + 1
end
echo "$name" | tr a-z A-Z > out.txt
for f in *.log; do gzip "$f"; done
grep -c error "$file" || exit 1`
      .split('\n')
      .slice(1),
  },
};

/** Splits text into what counts as one token here: a word, a CJK character, or a punctuation mark. */
const UNIT = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[\p{L}\p{M}\p{N}_]+|[^\s\p{L}\p{M}\p{N}_]/gu;

/** Number of units in `text`. */
export function countUnits(text: string): number {
  UNIT.lastIndex = 0;
  let units = 0;
  while (UNIT.test(text)) units += 1;
  return units;
}

/** Where each unit of `text` ends, in UTF-16 units. */
export function unitEnds(text: string): number[] {
  return Array.from(text.matchAll(UNIT), (match) => match.index + match[0].length);
}
