/* The words that carry meaning beside a secret, English and Swahili. Folded: lower case, Latin
 * letters without accents, no apostrophes. A word may stand in several rows: flags add up. */
#include "mask_internal.h"

#define CVV SUP_MASK_BIT(SUP_MASK_CVV)
#define PIN SUP_MASK_BIT(SUP_MASK_PIN)
#define OTP SUP_MASK_BIT(SUP_MASK_OTP)
#define PASSWORD SUP_MASK_BIT(SUP_MASK_PASSWORD)
#define ACCOUNT SUP_MASK_BIT(SUP_MASK_ACCOUNT)
#define NATIONAL SUP_MASK_BIT(SUP_MASK_NATIONAL_ID)

const struct word_row mask_word_rows[] = {
    /* English */
    {"is are was were be been being equals reads says shows as", W_COPULA | W_PLAIN},
    {"the a an of for my your our his her their this that these those it its here i me we you",
     W_FILLER | W_PLAIN},
    {"code codes number numbers no num digit digits value card cards atm bank banking online "
     "mobile "
     "internet app phone account savings current debit credit visa mastercard login web portal",
     W_FILLER | W_PLAIN},
    {"new old first second last back front full correct secret security sim wallet default "
     "temporary "
     "same following just now also only below got received get use using used enter entered typed "
     "sent sms message text please pls plz hi hello ok okay so sure yes one time put type",
     W_FILLER | W_PLAIN},
    {"changed change set reset updated chose choose made to into", W_FILLER | W_PLAIN | W_TO},
    {"and or both then plus", W_LINK | W_PLAIN},
    {"my your our his her their", W_POSSESSIVE},
    {"balance amount paid pay payment withdraw withdrew withdrawal deposit deposited send charge "
     "fee "
     "cost price total worth transfer transferred borrowed loan limit branch year date since born "
     "room floor street plot box ticket order invoice receipt reference ref transaction txn "
     "booking "
     "flight tracking error version model serial queue extension ext ussd dial call tel telephone "
     "whatsapp contact hotline ending ends line zip postal sort swift tin imei meter token tokens "
     "bus route page item case complaint",
     W_STOP | W_PLAIN},
    {"phone mobile tel telephone cell whatsapp simu", W_PLAIN | W_PHONE},
    {"mpesa pesa tigopesa tigo airtel halopesa fedha hela hiyohiyo inaonyesha inasema",
     W_FILLER | W_PLAIN},
    {"asked requested wanted need needed gave give given told tell him them her you shared share m",
     W_FILLER | W_PLAIN},
    {"tsh tshs tzs kes ksh kshs ugx ush rwf usd eur gbp sh shs shilling shillings dollar dollars "
     "euro "
     "euros",
     W_STOP | W_UNIT | W_CURRENCY | W_PLAIN},
    {"digit digits times time minute minutes min mins seconds sec secs hour hours hr hrs "
     "day "
     "days week weeks month months year years percent people customers attempts tries am pm "
     "million "
     "thousand transactions characters chars char herufi numbers letters meters km kg pcs items "
     "messages sms",
     W_UNIT},
    {"exp expiry expires expire expiration expiring valid thru until till date mm yy ends good",
     W_EXPIRY},
    {"not wrong incorrect invalid correct right expired expire expiring required needed necessary "
     "working work blocked locked disabled enabled active too very so weak strong short long still "
     "being never always already lost forgotten forgot forget stolen compromised leaked safe "
     "secure "
     "private confidential secret personal rejected refused accepted denied failing failed fails "
     "different unknown empty missing important good bad fine ok case sensitive only what where "
     "why "
     "how when who which whose there he she they him them something nothing anything everything "
     "someone anyone nobody none no yes please thanks thank sorry hello if because but with "
     "without "
     "from by on in at can cannot cant could will would wont should must may might do does did "
     "dont "
     "doesnt didnt isnt wasnt arent have has had having help reset recover change update access "
     "log "
     "sign enter any all another other again today tomorrow yesterday tonight soon later going "
     "gonna "
     "supposed unable able available about over out up down off between saved stored written known "
     "shared hacked exposed default old new same giving showing asking saying coming "
     "reset recovery policy manager field box page link hint rules requirements protected less",
     W_PLAIN},
    /* Swahili */
    {"ni ndiyo ndio ndo ndiyo ilikuwa ilikua itakuwa imekuwa iwe liwe kuwa kama yenyewe",
     W_COPULA | W_PLAIN},
    {"yangu yako yake yetu yenu yao langu lako lake letu wangu wako wake wetu zangu zako zake zetu "
     "changu chako chake vyangu kwangu",
     W_FILLER | W_POSSESSIVE | W_PLAIN},
    {"ya wa la za cha vya kwa hii hiyo ile huo huu hili hilo hizi hizo hapa hapo sasa mpya jipya "
     "zamani "
     "namba nambari tarakimu kadi benki simu mkononi akaunti mtandao programu kodi msimbo code "
     "siri tafadhali naomba nimepata nimepokea niliyopokea nilipokea niliyopewa nimepewa "
     "niliyotumiwa "
     "nimetumiwa iliyotumwa iliyokuja imekuja imeingia mliyotuma mliyonitumia mmenitumia ujumbe "
     "meseji "
     "sms nimeweka naweka nilikuwa natumia nimeandika niliweka niliyoweka tumia weka andika hizi "
     "zile "
     "nyuma mbele pia tu mwisho basi sawa habari ndugu mimi ninayotumia ambazo",
     W_FILLER | W_PLAIN},
    {"nimebadilisha badilisha nilibadilisha kubadilisha imebadilishwa", W_FILLER | W_PLAIN | W_TO},
    {"na au pamoja halafu kisha alafu", W_LINK | W_PLAIN},
    {"salio kiasi malipo nililipa nimelipa lipa kulipa nimetuma tuma kutuma nilituma nitume "
     "nimetoa "
     "kutoa nilitoa deni mkopo bei ada gharama jumla mwaka tarehe tawi chumba muamala "
     "kumbukumbu rejea risiti oda foleni piga anwani sanduku kosa hitilafu mita luku tokeni tiketi "
     "nauli mshahara kituo",
     W_STOP | W_PLAIN},
    {"shilingi shs elfu laki milioni dola", W_STOP | W_UNIT | W_CURRENCY | W_PLAIN},
    {"mwisho inaisha kuisha muda tarehe", W_EXPIRY},
    {"si sio siyo sahihi mbaya mbovu nzuri fupi refu ndefu dhaifu imara muhimu lazima gani ipi "
     "lipi nini "
     "wapi lini vipi nani hakuna hapana ndiyo haifanyi halifanyi inafanya imefungwa limefungwa "
     "imekwisha "
     "limekwisha imepotea nimesahau nimelisahau imeibiwa inahitajika inatakiwa inakataa linakataa "
     "imekataa ile ileile ya zamani siyo tofauti sawa salama hii hiyo hivyo lakini kwa kwenye "
     "katika "
     "bado tena kila mtu yeyote kuingia kubadili kubadilisha kurejesha kuweka msaada nisaidie "
     "naomba "
     "tafadhali asante samahani yoyote lolote binafsi yangu",
     W_PLAIN},
};
const size_t mask_word_row_count = sizeof(mask_word_rows) / sizeof(mask_word_rows[0]);

const struct phrase_row mask_phrase_rows[] = {
    {"cvv", CVV, 0},
    {"cvc", CVV, 0},
    {"cid", CVV, 0},
    {"mycvv", CVV, 0},
    {"cvn", CVV, 0},
    {"csc", CVV, 0},
    {"ccv", CVV, 0},
    {"cvvs", CVV, 0},
    {"cvv code", CVV, 0},
    {"cvv number", CVV, 0},
    {"card verification", CVV, 0},
    {"card verification value", CVV, 0},
    {"card verification code", CVV, 0},
    {"card verification number", CVV, 0},
    {"card security code", CVV, 0},
    {"card security number", CVV, 0},
    {"security number", CVV, 0},
    {"security digits", CVV, 0},
    {"card code", CVV, P_WEAK},
    {"security code", CVV | OTP, 0},
    {"security code of the card", CVV, 0},
    {"security code on the back", CVV, 0},
    {"digits at the back", CVV, 0},
    {"digits on the back", CVV, 0},
    {"digits behind", CVV, 0},
    {"digits from the back", CVV, 0},
    {"digit code on the back", CVV, 0},
    {"digit code at the back", CVV, 0},
    {"number at the back", CVV, 0},
    {"number on the back", CVV, 0},
    {"numbers at the back", CVV, 0},
    {"numbers on the back", CVV, 0},
    {"code at the back", CVV, 0},
    {"code on the back", CVV, 0},
    {"namba ya usalama", CVV | OTP, 0},
    {"nambari ya usalama", CVV | OTP, 0},
    {"namba za usalama", CVV | OTP, 0},
    {"nambari za usalama", CVV | OTP, 0},
    {"msimbo wa usalama", CVV | OTP, 0},
    {"kodi ya usalama", CVV | OTP, 0},
    {"code ya usalama", CVV | OTP, 0},
    {"tarakimu za usalama", CVV | OTP, 0},
    {"namba tatu za nyuma", CVV, 0},
    {"nambari tatu za nyuma", CVV, 0},
    {"tarakimu tatu za nyuma", CVV, 0},
    {"namba tatu nyuma", CVV, 0},
    {"nambari tatu nyuma", CVV, 0},
    {"tarakimu tatu nyuma", CVV, 0},
    {"namba za nyuma", CVV, 0},
    {"nambari za nyuma", CVV, 0},
    {"tarakimu za nyuma", CVV, 0},
    {"namba ya nyuma", CVV, 0},
    {"nambari ya nyuma", CVV, 0},
    {"namba nyuma ya kadi", CVV, 0},
    {"nambari nyuma ya kadi", CVV, 0},
    {"namba zilizo nyuma", CVV, 0},
    {"nambari zilizo nyuma", CVV, 0},
    {"tarakimu zilizo nyuma", CVV, 0},

    {"pin", PIN, 0},
    {"pins", PIN, 0},
    {"mypin", PIN, 0},
    {"atmpin", PIN, 0},
    {"pinyangu", PIN, 0},
    {"pini", PIN, 0},
    {"mpin", PIN, 0},
    {"upin", PIN, 0},
    {"tpin", PIN, 0},
    {"pincode", PIN, 0},
    {"pin code", PIN, 0},
    {"pin number", PIN, 0},
    {"personal identification number", PIN, 0},
    {"secret number", PIN, 0},
    {"secret code", PIN, 0},
    {"atm code", PIN, 0},
    {"namba ya siri", PIN, 0},
    {"nambari ya siri", PIN, 0},
    {"namba za siri", PIN, 0},
    {"nambari za siri", PIN, 0},
    {"namba siri", PIN, 0},
    {"nambari siri", PIN, 0},
    {"tarakimu za siri", PIN, 0},
    {"kodi ya siri", PIN, 0},
    {"code ya siri", PIN, 0},
    {"msimbo wa siri", PIN, 0},
    {"siri", PIN, P_WEAK},

    {"otp", OTP, 0},
    {"otps", OTP, 0},
    {"myotp", OTP, 0},
    {"otc", OTP, 0},
    {"tac", OTP, 0},
    {"mtan", OTP, 0},
    {"otp code", OTP, 0},
    {"otp pin", OTP, 0},
    {"otp number", OTP, 0},
    {"one time password", OTP, 0},
    {"one time passcode", OTP, 0},
    {"one time pin", OTP, 0},
    {"one time code", OTP, 0},
    {"one time number", OTP, 0},
    {"onetime password", OTP, 0},
    {"onetime pin", OTP, 0},
    {"onetime code", OTP, 0},
    {"onetime passcode", OTP, 0},
    {"single use code", OTP, 0},
    {"verification code", OTP, 0},
    {"verification number", OTP, 0},
    {"verification pin", OTP, 0},
    {"verification codes", OTP, 0},
    {"verify code", OTP, 0},
    {"confirmation code", OTP, 0},
    {"confirmation pin", OTP, 0},
    {"authentication code", OTP, 0},
    {"authenticator code", OTP, 0},
    {"authorization code", OTP, 0},
    {"authorisation code", OTP, 0},
    {"auth code", OTP, 0},
    {"authenticator", OTP, P_WEAK},
    {"authenticator app", OTP, P_WEAK},
    {"activation code", OTP, 0},
    {"access code", OTP, 0},
    {"login code", OTP, 0},
    {"sms code", OTP, 0},
    {"text code", OTP, 0},
    {"validation code", OTP, 0},
    {"factor code", OTP, 0},
    {"fa code", OTP, 0},
    {"mfa code", OTP, 0},
    {"temporary code", OTP, 0},
    {"code i received", OTP, 0},
    {"code i got", OTP, 0},
    {"code i have received", OTP, 0},
    {"code you sent", OTP, 0},
    {"code you have sent", OTP, 0},
    {"code you just sent", OTP, 0},
    {"code sent", OTP, 0},
    {"code from the sms", OTP, 0},
    {"code from sms", OTP, 0},
    {"code in the sms", OTP, 0},
    {"code from the text", OTP, 0},
    {"code", OTP, P_WEAK | P_SIX},
    {"namba ya uthibitisho", OTP, 0},
    {"nambari ya uthibitisho", OTP, 0},
    {"namba za uthibitisho", OTP, 0},
    {"nambari za uthibitisho", OTP, 0},
    {"msimbo wa uthibitisho", OTP, 0},
    {"kodi ya uthibitisho", OTP, 0},
    {"code ya uthibitisho", OTP, 0},
    {"namba ya uthibitishaji", OTP, 0},
    {"nambari ya uthibitishaji", OTP, 0},
    {"msimbo wa uthibitishaji", OTP, 0},
    {"code ya uthibitishaji", OTP, 0},
    {"namba ya kuthibitisha", OTP, 0},
    {"nambari ya kuthibitisha", OTP, 0},
    {"msimbo wa kuthibitisha", OTP, 0},
    {"code ya kuthibitisha", OTP, 0},
    {"kodi ya kuthibitisha", OTP, 0},
    {"namba ya kuhakiki", OTP, 0},
    {"nambari ya kuhakiki", OTP, 0},
    {"msimbo wa kuhakiki", OTP, 0},
    {"msimbo wa mara moja", OTP, 0},
    {"namba ya mara moja", OTP, 0},
    {"nambari ya mara moja", OTP, 0},
    {"kodi ya mara moja", OTP, 0},
    {"code ya mara moja", OTP, 0},
    {"nywila ya mara moja", OTP, 0},
    {"nenosiri la mara moja", OTP, 0},
    {"neno la siri la mara moja", OTP, 0},
    {"namba ya siri ya mara moja", OTP, 0},
    {"nambari ya siri ya mara moja", OTP, 0},
    {"pin ya mara moja", OTP, 0},
    {"namba ya otp", OTP, 0},
    {"nambari ya otp", OTP, 0},
    {"kodi ya otp", OTP, 0},
    {"code ya otp", OTP, 0},
    {"msimbo wa otp", OTP, 0},
    {"namba ya idhini", OTP, 0},
    {"msimbo wa idhini", OTP, 0},
    {"msimbo", OTP, P_WEAK | P_SIX},
    {"kodi niliyotumiwa", OTP, 0},
    {"code niliyotumiwa", OTP, 0},
    {"namba niliyotumiwa", OTP, 0},
    {"code iliyotumwa", OTP, 0},
    {"namba iliyotumwa", OTP, 0},
    {"kodi iliyotumwa", OTP, 0},
    {"code mliyonitumia", OTP, 0},
    {"namba mliyonitumia", OTP, 0},
    {"kodi mliyonitumia", OTP, 0},

    {"password", PASSWORD, 0},
    {"mypassword", PASSWORD, 0},
    {"passwords", PASSWORD, P_WEAK},
    {"passwd", PASSWORD, 0},
    {"paswd", PASSWORD, 0},
    {"pasword", PASSWORD, 0},
    {"passord", PASSWORD, 0},
    {"passwrd", PASSWORD, 0},
    {"pswd", PASSWORD, 0},
    {"pwd", PASSWORD, 0},
    {"psw", PASSWORD, 0},
    {"pass word", PASSWORD, 0},
    {"pass code", PASSWORD, 0},
    {"pass phrase", PASSWORD, 0},
    {"passcode", PASSWORD, 0},
    {"passphrase", PASSWORD, 0},
    {"passkey", PASSWORD, 0},
    {"pass", PASSWORD, P_WEAK},
    {"pw", PASSWORD, P_WEAK},
    {"secret word", PASSWORD, 0},
    {"paswedi", PASSWORD, 0},
    {"pasiwedi", PASSWORD, 0},
    {"nywila", PASSWORD, 0},
    {"nywira", PASSWORD, 0},
    {"nenosiri", PASSWORD, 0},
    {"neno siri", PASSWORD, 0},
    {"neno la siri", PASSWORD, 0},
    {"maneno ya siri", PASSWORD, 0},
    {"neno la kuingia", PASSWORD, 0},
    {"neno la kuingilia", PASSWORD, 0},
    {"neno la usalama", PASSWORD, 0},

    /* Neutral: they shadow the shorter phrases inside them. */
    {"bank code", 0, 0},
    {"branch code", 0, 0},
    {"swift code", 0, 0},
    {"sort code", 0, 0},
    {"error code", 0, 0},
    {"country code", 0, 0},
    {"area code", 0, 0},
    {"zip code", 0, 0},
    {"postal code", 0, 0},
    {"post code", 0, 0},
    {"promo code", 0, 0},
    {"discount code", 0, 0},
    {"coupon code", 0, 0},
    {"voucher code", 0, 0},
    {"referral code", 0, 0},
    {"product code", 0, 0},
    {"agent code", 0, 0},
    {"merchant code", 0, 0},
    {"till code", 0, 0},
    {"qr code", 0, 0},
    {"ussd code", 0, 0},
    {"dress code", 0, 0},
    {"source code", 0, 0},
    {"status code", 0, 0},
    {"response code", 0, 0},
    {"reference code", 0, 0},
    {"tracking code", 0, 0},
    {"transaction code", 0, 0},
    {"mpesa code", 0, 0},
    {"transaction id", 0, 0},
    {"order id", 0, 0},
    {"reference id", 0, 0},
    {"ticket id", 0, 0},
    {"customer id", 0, 0},
    {"user id", 0, 0},

    {"account", ACCOUNT, 0},
    {"accounts", ACCOUNT, 0},
    {"acct", ACCOUNT, 0},
    {"acc", ACCOUNT, 0},
    {"accnt", ACCOUNT, 0},
    {"ac", ACCOUNT, 0},
    {"a c", ACCOUNT, 0},
    {"akaunti", ACCOUNT, 0},
    {"akaunt", ACCOUNT, 0},
    {"akauti", ACCOUNT, 0},
    {"akounti", ACCOUNT, 0},
    {"hesabu", ACCOUNT, 0},

    {"nida", NATIONAL, 0},
    {"nin", NATIONAL, 0},
    {"national id", NATIONAL, 0},
    {"national identity", NATIONAL, 0},
    {"national identification", NATIONAL, 0},
    {"id number", NATIONAL, 0},
    {"id no", NATIONAL, 0},
    {"id card", NATIONAL, 0},
    {"identity card", NATIONAL, 0},
    {"identity number", NATIONAL, 0},
    {"my id", NATIONAL, 0},
    {"id", NATIONAL, 0},
    {"passport", NATIONAL, 0},
    {"huduma", NATIONAL, 0},
    {"kitambulisho", NATIONAL, 0},
    {"utambulisho", NATIONAL, 0},
    {"pasipoti", NATIONAL, 0},
};
const size_t mask_phrase_row_count = sizeof(mask_phrase_rows) / sizeof(mask_phrase_rows[0]);

const char *const mask_digit_words[][2] = {
    {"zero", "0"},   {"oh", "0"},   {"nought", "0"}, {"one", "1"},   {"two", "2"},   {"three", "3"},
    {"four", "4"},   {"five", "5"}, {"six", "6"},    {"seven", "7"}, {"eight", "8"}, {"nine", "9"},
    {"sifuri", "0"}, {"moja", "1"}, {"mbili", "2"},  {"tatu", "3"},  {"nne", "4"},   {"tano", "5"},
    {"sita", "6"},   {"saba", "7"}, {"nane", "8"},   {"tisa", "9"},  {NULL, NULL},
};
