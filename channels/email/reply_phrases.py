"""How mail programs say "wrote", "original message", "forwarded" and "sent from my phone", by language.

Collected from Gmail, Outlook, Apple Mail, Yahoo, Thunderbird, Roundcube, Samsung, ProtonMail, GMX, QQ, NetEase, Mail.ru
and Yandex. Each group is one alternative of a regular expression; `reply_lines` says where on a line it has to stand.
"""

import re

# en de fr es it pt nl pl sv/da/nb fi ru uk cs/sk ro hu tr et lt lv hr sl bg el ca vi id ja zh ko th ar he
WROTE = r"""
    \b(?: wrote | writes | schrieb | schreibt | geschrieben | a\ écrit | écrivait | escribió | escribio
    | ha\ scritto
      | escreveu | geschreven | schreef | schrijft | napisał(?:a|\(a\))? | napisana\ przez | pisze | skrev | skriver
      | kirjoitti | kirjoittaa | написал(?:а|\(а\))? | писал(?:а|\(а\))? | пишет | написав(?:\(-?ла\)|\(ла\))?
      | написала
      | пише | napsal(?:a|\(a\))? | napísal(?:a|\(a\))? | a\ scris | írta | yazdı | kirjutas | rašė | rakstīja
      | je\ napisa[ol]a? | napisa[ol]a?\ je | написа(?:/ла)? | έγραψε | ha\ escrit | đã\ viết | menulis )\b
    | ^\W*(?:scritto|écrit)\s*:  # Italian and French break the line before it
    | 写道 | 寫道 | 書きました | のメール | 님이\ 작성 | 작성\s*[:：] | 쓴\ 글 | เขียนว่า | تمت\ كتابة | كتب
    | כתב | מאת
"""
# What an attribution begins with, if not with a date or a name.
OPENERS = r"""
    (?: On | Am | Le | El | Il | Em | No\ dia | Às | Op | W\ dniu | Dnia | Wiadomość | Den | På | Pe | La | Dne
    | At | În
      | Στις | Vào | Pada | На )\b
    | \d{1,4}[-./ ] | \d{4}年 | 在 | 于 | 於
"""
ORIGINAL = r"""
    original\ (?:message|appointment|e-?mail) | replied\ message | begin\ quoted\ message | reply\ message
    | original
    | (?:ursprüngliche|original)[ -](?:nachricht|mail|e-mail) | originalnachricht
    | (?:message|courriel)\ (?:d['’]origine|original|initial) | mensaje\ original | messaggio\ originale
    | mensagem\ original | (?:oorspronkelijk|origineel)\ bericht | wiadomość\ oryginalna | oryginalna\ wiadomość
    | (?:ursprungligt|original)\ ?meddelande | (?:oprindelig|original)\ ?(?:meddelelse|besked)
    | opprinnelig\ (?:melding|e-post) | alkuperäinen\ viesti | (?:исходное|оригинальное|первоначальное)\ сообщение
    | (?:оригінальне|вихідне|початкове)\ повідомлення | 元のメッセージ | オリジナルメッセージ
    | (?:原始|原)(?:邮件|郵件|信息|訊息) | 回复的(?:原)?邮件 | 邮件原件 | 원본\ 메(?:일|시지)
    | původní\ (?:zpráva|e-mail)
    | pôvodná\ správa | eredeti\ üzenet | mesajul?\ (?:original|inițial) | orijinal\ (?:mesaj|ileti)
    | αρχικό\ μήνυμα
    | thư\ gốc | pesan\ asli
"""
FORWARDED = r"""
    (?:begin\ )?forwarded\ (?:message|by|mail) | (?:anfang\ der\ )?weitergeleitete[rn]?\ (?:nachricht|mail|e-mail)
    | (?:début\ du\ )?(?:message|courriel)\ (?:transféré|réexpédié|transmis)
    | (?:inicio\ del\ )?mensaje\ reenviado | (?:inizio\ )?messaggio\ inoltrato
    | (?:início\ da\ )?mensagem\ (?:encaminhada|reencaminhada) | (?:begin\ )?doorgestuurd\ bericht
    | (?:początek\ )?(?:przekazywan[ae]j?\ wiadomoś(?:ć|ci)|wiadomoś(?:ć|ci)\ przekazan[ae]j?)
    | treść\ przekazanej\ wiadomości | vidarebefordrat\ (?:meddelande|brev|mail)
    | (?:start\ på\ )?videresendt\ (?:meddelelse|besked|melding|mail|e-post)
    | (?:edelleen\ ?lähetetty|välitetty)\ viesti(?:\ alkaa)?
    | (?:начало\ )?(?:пересылаемо[ег]о?|переадресованно[ег]о?|перенаправленно[ег]о?|пересланно[ег]о?)
      \ (?:сообщени[ея]|письм[оа])
    | (?:переслан[еи]й?|пересилан[еи]й?)\ (?:повідомлення|лист) | 転送(?:された|する)?メッセージ | 転送メール
    | (?:下面是被|以下是)?(?:转发|轉寄|轉發)的?(?:邮件|郵件|信件|消息|訊息)(?:信息)? | 전달된\ 메(?:일|시지)
    | (?:přeposlaná|preposlaná)\ (?:zpráva|správa) | továbbított\ (?:üzenet|levél) | mesaj\ redirecționat
    | (?:yönlendirilen|iletilen|iletilmiş)\ (?:mesaj|ileti) | προωθημένο\ μήνυμα
"""
# Outlook and its kin repeat above an older mail who wrote, when, to whom and about what.
FROM = r"""
    From | Von | De | Da | Van | Od | Från | Fra | Lähettäjä | От | От\ кого | Від | Від\ кого | 差出人
    | 送信元 | 发件人
    | 發件人 | 寄件者 | 寄件人 | 보낸\ ?사람 | Feladó | Kimden | Gönderen | De\ la | Από | Saatja | Nuo | Nga
    | Từ | Dari | من | מאת
"""
SUBJECT = r"""
    Subject | Betreff | Objet | Asunto | Oggetto | Assunto | Onderwerp | Temat | Ämne | Emne | Aihe | Тема
    | 件名 | 主题
    | 主題 | 主旨 | Předmět | Predmet | 제목 | Tárgy | Konu | Subiect | Θέμα | Teema | Assumpte | Chủ\ đề
    | Subjek | الموضوع
    | נושא
"""
OTHER_HEADERS = r"""
    Sent | Date | To | Cc | Bcc | Reply-To | Organization | Importance | Attachments | Gesendet | Datum | An | Kopie
    | Antwort\ an | Envoyé(?:\ le)? | À | A | Copie(?:\ à)? | Enviado(?:\ el|\ em)? | Enviada(?:\ em)? | Fecha
    | Data
    | Data\ wysłania | Para | Inviato | Verzonden | Aan | Wysłano | Wysłane | Do | DW | UDW | Skickat | Till | Kopia
    | Sendt | Dato | Til | Kopi | Lähetetty | Päivämäärä | Päiväys | Vastaanottaja | Kopio | Отправлено | Дата
    | Кому
    | Копия | Надіслано | Копія | 送信日時 | 送信日 | 日時 | 日付 | 宛先 | 发送时间 | 發送時間 | 发送日期
    | 时间 | 收件人 | 抄送
    | 抄送人 | 日期 | 寄件日期 | 收件者 | 副本 | 보낸\ ?날짜 | 날짜 | 받는\ ?사람 | 참조 | Odesláno | Komu
    | Odoslané | Elküldve
    | Dátum | Címzett | Gönderildi | Gönderme\ tarihi | Tarih | Kime | Bilgi | Trimis | Către | Στάλθηκε
    | Ημερομηνία
    | Προς | Κοιν\. | Ngày | Đến | Tanggal | Kepada | تاريخ | إلى | נשלח | אל
"""
DEVICES = r"""
    (?: i?\ ?phone | ipad | ipod | apple\ watch | android | galaxy | samsung | huawei | honor | xiaomi | redmi
    | pixel
      | oneplus | oppo | vivo | nokia | lumia | sony | xperia | htc | motorola | blackberry | windows | outlook
      | gmail
      | yahoo | proton | gmx | web\.de | t-online | freenet | mail\.ru | yandex | яндекс | почт | qq | 网易
      | airmail
      | spark | mailbox | thunderbird | k-9 | k9 | fairemail | e?mail | courrier | correo | posta | poczt | mobile
      | mobil | mobiel | móvil | movil | cell | celular | cellulare | handy | smartphone | smart\ ?phone | tablet
      | telefon | téléphone | teléfono | telefono | telemóvel | telemovel | telefoon | puhelime | komórk | телефон
      | смартфон | мобільн | мобильн | device | pc\b | desktop | mac\b | app\b )
"""
SENT_FROM = r"""
    sent\ (?:from|with|via|by|using)\s | gesendet\ (?:von|mit|über|aus)\s | geschickt\ (?:von|mit)\s
    | envoyé\ (?:depuis|de|à\ partir|avec|via|par)\s | enviad[oa]\ (?:desde|do|da|de|a\ partir|com|con|por|via)\s
    | inviato\ (?:da|dal|dall['’]|con|tramite)\ ? | (?:verzonden|verstuurd)\ (?:met|vanaf|vanuit|via|van)\s
    | sendt\ (?:fra|via|med)\s | (?:skickat|skickades)\ (?:från|med|via)\s | lähetetty\s
    | wysłan[eoy]\ (?:z|ze|za|przez)\s
    | отправлено\ (?:с|со|из|от|через)\s | надіслано\ (?:з|із|зі|через)\s | odesláno\ (?:z|ze|pomocí)\s
    | odoslané\ (?:z|zo)\s | trimis\ (?:de\ pe|din|cu)\s | poslano\ (?:iz|s)\s | στάλθηκε\ από\s
    | enviat\ des\s | dikirim\ dari\s
    | được\ gửi\ từ\s
"""
# Those that need no device behind them, because the words themselves are the program's.
OF_THE_PROGRAM = r"""
    sent\ (?:from|via)\ my\ [\w.-]+(?:\ [\w.-]+){0,5}(?:[,.\ ]{1,3}(?:please|sorry|excuse).*)?\W*$
    | from\ my\ (?:i?phone|ipad|mobile|android|galaxy|blackberry) | \w+\ from\ mobile\W*$
    | (?:get|download)\ \W?outlook\ for | (?:téléchargez|télécharger|obtenir|obtenez)\ \W?outlook
    | (?:obtener|obtén|descargar|descarga)\ \W?outlook | (?:ottieni|scarica)\ \W?outlook
    | (?:obter|obtenha|baixe|baixar|transferir)\ (?:o\ )?\W?outlook | (?:hämta|skaffa)\ \W?outlook
    | hent\ \W?outlook
    | (?:hanki|lataa)\ \W?outlook | (?:скачать|получить|загрузить|отримати|завантажити)\ \W?outlook
    | (?:pobierz|uzyskaj)\ (?:program\ |aplikację\ )?\W?outlook | (?:download|haal)\ \W?outlook\ voor
    | \W?outlook\ (?:für|voor)\ \w+\W*\ (?:beziehen|abrufen|herunterladen|holen|downloaden)
    | (?:获取|下载)\ ?\W?outlook | 取得\ ?\W?(?:\w+\ 版\ )?outlook | .{0,20}outlook(?:\ for\ \w+)?\ ?\W?を(?:入手|取得)
    | (?:von\ meinem|diese\ (?:nachricht|mail|e-mail)\ wurde)\ .{2,90}\ (?:gesendet|geschickt|verschickt)
    | .{0,40}\w['’]?\w{0,6}\ gönderildi\W*$ | az?\ .{2,30}r[óő]l\ küldve
    | .{0,30}から(?:の)?送信 | 发自 | 發自 | 傳自 | [從从]我的.{1,40}(?:傳送|发送|發送)
    | (?:나의|내)\ .{1,30}에서\ (?:보냄|보낸)
    | virus-free\.?\ (?:www\.)?(?:avast|avg) | yahoo\ mail:\ (?:search|stress)
"""


def pattern(before: str, words: str, after: str = "") -> re.Pattern[str]:
    """Return the words of a table above as one pattern, in any case."""
    return re.compile(f"{before}(?:{words}){after}", re.IGNORECASE | re.VERBOSE)
