"""The demuxers and decoders that ffmpeg may use, by its names, and limits on the input.

Only common formats are allowed: most vulnerabilities of ffmpeg are found in its rare demuxers and decoders.
"""

DEMUXERS = "mov,matroska,avi,mpegts,mpeg,flv,ogg,asf,mp3,wav,flac,aac"
DECODERS = (
    "h264,hevc,vp8,vp9,av1,libdav1d,mpeg4,mpeg2video,mpeg1video,msmpeg4v1,msmpeg4v2,msmpeg4,"
    "wmv1,wmv2,wmv3,vc1,h263,flv,vp6,vp6f,theora,mjpeg,png,prores,dnxhd,"
    "dvvideo,ffv1,huffyuv,ffvhuff,qtrle,rawvideo,"
    "aac,aac_latm,mp3,mp3float,mp2,mp2float,opus,libopus,vorbis,flac,alac,ac3,eac3,dca,wmav1,wmav2,wmapro,"
    "pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_u8,pcm_s8,pcm_alaw,pcm_mulaw,"
    "adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,adpcm_swf,amrnb,amrwb"
)
MAX_PIXELS = 36_000_000
"""Maximum size of one frame; an 8K frame has 33 million pixels."""
MAX_DURATION_S = 6 * 3600
